import { type HostState, zoneNamed } from './state.ts';
import {
  ALIASES,
  BRANDS,
  PROPERTIES,
  RESOURCE_TYPES,
  type Resource,
  type ResourceType,
  rctlLimit,
  resourcesOf,
  setRctl,
  type ZoneConfig,
} from './zone-config.ts';
import { bytesOf } from './zonecfg-text.ts';
import type { Subcommand, Value } from './zonecfg-words.ts';

/** A session of zonecfg: the configuration in memory, and how it went so far. */
export interface Session {
  name: string;
  renamedFrom?: string | undefined;
  config: ZoneConfig | undefined;
  isChanged: boolean;
  sawError: boolean;
  isOver: boolean;
  complain(message: string, line?: number): void;
}

/** A subcommand that cannot be done, and why. */
export class Complaint extends Error {}

/** The subcommands that change a configuration in memory, and the scope that they are in: global, or one resource. */
export class Editor {
  /** The resource that is being added or changed. */
  open: Resource | undefined;
  readonly #session: Session;
  readonly #state: HostState;
  /** What it was before, where it was selected. */
  #selected: Resource | undefined;

  constructor(session: Session, state: HostState) {
    this.#session = session;
    this.#state = state;
  }

  get isOpen(): boolean {
    return this.open !== undefined;
  }

  /** @throws Complaint where there is none */
  get config(): ZoneConfig {
    if (this.#session.config) return this.#session.config;
    throw new Complaint(`${this.#session.name}: No such zone configured`);
  }

  edit(asked: Subcommand): void {
    const act = this.#acts[asked.name];
    if (!act) throw new Complaint('syntax error');
    act(asked, this.config);
  }

  readonly #acts: Record<string, (asked: Subcommand, config: ZoneConfig) => void> = {
    add: (asked, config) => (this.open ? this.#addValue(asked) : this.#addResource(asked, config)),
    set: (asked, config) => (this.open ? this.#setProperty(asked) : this.#setGlobal(asked, config)),
    clear: (asked, config) => this.#clear(asked, config),
    end: (asked, config) => this.#end(asked, config),
    cancel: (asked) => {
      if (!this.open) throw this.#misplaced(asked);
      this.open = undefined;
      this.#selected = undefined;
    },
    select: (asked, config) => this.#select(asked, config),
    remove: (asked, config) => (this.open ? this.#removeValue(asked) : this.#removeResources(asked, config)),
  };

  #misplaced(asked: Subcommand): Complaint {
    const scope = this.open ? 'global' : 'resource';
    return new Complaint(`The ${asked.name} command only makes sense in the ${scope} scope.`);
  }

  #typeIn(asked: Subcommand): ResourceType {
    const word = asked.words.find((one) => !one.startsWith('-'));
    const type = RESOURCE_TYPES.find((one) => one === word);
    if (!type) throw new Complaint(`usage:\n${asked.name} <resource-type>`);
    return type;
  }

  #addResource(asked: Subcommand, config: ZoneConfig): void {
    const type = this.#typeIn(asked);
    if (isTaken(config, type)) {
      const more = type === 'capped-memory' ? ' or a related resource control' : '';
      throw new Complaint(`The ${type} resource${more} already exists.`);
    }
    this.open = { type, simple: {}, lists: {} };
  }

  #addValue(asked: Subcommand): void {
    const open = this.open!;
    const [name = asked.words[0] ?? '', value = asked.words.slice(1)] = asked.pairs[0] ?? [];
    if (!PROPERTIES[open.type].lists.includes(name)) {
      throw new Complaint(`${name}: No such property type`);
    }
    open.lists[name] = [...(open.lists[name] ?? []), ...(Array.isArray(value) ? value : [value])];
  }

  #removeValue(asked: Subcommand): void {
    const [name = '', value] = asked.words;
    const list = this.open!.lists[name] ?? [];
    if (name === 'defrouter') delete this.open!.simple[name];
    else if (value === undefined || !list.includes(value))
      throw new Complaint(`${name}: No such property with that id`);
    else this.open!.lists[name] = list.filter((one) => one !== value);
  }

  #setProperty(asked: Subcommand): void {
    const open = this.open!;
    const [name, value] = this.#pair(asked);
    if (!PROPERTIES[open.type].has.includes(name)) throw new Complaint(`${name}: No such property type`);
    const text = String(value);
    const problem = unfit(open.type, name, text);
    if (problem) throw new Complaint(problem);
    open.simple[name] = open.type === 'capped-memory' ? String(bytesOf(text)) : text;
  }

  #pair(asked: Subcommand): [string, Value] {
    const [pair] = asked.pairs;
    if (pair && asked.pairs.length === 1 && asked.words.length === 0) return pair;
    throw new Complaint(`usage:\n${asked.name} <property-name>=<property-value>`);
  }

  #setGlobal(asked: Subcommand, config: ZoneConfig): void {
    const [name, value] = this.#pair(asked);
    const text = String(value);
    const isInstalled = zoneNamed(this.#state, this.#session.name)?.state === 'installed';
    if (isInstalled && (name === 'zonepath' || name === 'brand')) {
      throw new Complaint(`Zone ${this.#session.name} already installed; set ${name} not allowed.`);
    }
    const problem = this.#setOne(config, name, text);
    if (problem) throw new Complaint(problem);
    this.#session.isChanged = true;
  }

  #setOne(config: ZoneConfig, name: string, text: string): string | undefined {
    if (Object.hasOwn(ALIASES, name)) {
      const limit = bytesOf(text);
      if (limit === undefined) return `${name}: Invalid argument`;
      setRctl(config, ALIASES[name]!, limit);
      return undefined;
    }
    switch (name) {
      case 'zonename':
        if (zoneNamed(this.#state, text)) return `${text}: Zone name already in use`;
        this.#session.renamedFrom ??= this.#session.name;
        this.#session.name = text;
        return undefined;
      case 'zonepath':
        if (!text.startsWith('/')) return `${text} is not an absolute path.`;
        if (/^\/+$/.test(text)) return '/ is not allowed as a zonepath.';
        config.zonepath = text;
        return undefined;
      case 'autoboot':
        if (text !== 'true' && text !== 'false') return 'autoboot value must be true or false.';
        config.autoboot = text === 'true';
        return undefined;
      case 'ip-type':
        if (text !== 'shared' && text !== 'exclusive') return 'ip-type value must be shared or exclusive.';
        config.ipType = text;
        return undefined;
      case 'brand':
        if (!BRANDS.has(text)) return `${text}: unknown brand.`;
        config.brand = text;
        return undefined;
      default:
        return setText(config, name, text);
    }
  }

  #clear(asked: Subcommand, config: ZoneConfig): void {
    const [name = ''] = asked.words;
    if (this.open) {
      delete this.open.simple[name];
      return;
    }
    if (['zonename', 'zonepath', 'brand'].includes(name)) {
      throw new Complaint(`${name}: Clearing this property is not allowed`);
    }
    if (name === 'autoboot') config.autoboot = false;
    else if (name === 'ip-type') config.ipType = 'shared';
    else if (Object.hasOwn(ALIASES, name)) setRctl(config, ALIASES[name]!, undefined);
    else if (setText(config, name, '')) throw new Complaint(`${name}: No such property type`);
    this.#session.isChanged = true;
  }

  #end(asked: Subcommand, config: ZoneConfig): void {
    const open = this.open;
    if (!open) throw this.#misplaced(asked);
    for (const name of PROPERTIES[open.type].needs) {
      if (!open.simple[name]) throw new Complaint(`${name} not specified`);
    }
    const isRelated = ['zone.max-swap', 'zone.max-locked-memory'].some((name) => rctlLimit(config, name) !== undefined);
    if (open.type === 'capped-memory' && Object.keys(open.simple).length === 0 && !isRelated) {
      throw new Complaint('No properties are set for this resource.');
    }
    const others = config.resources.filter((one) => one !== this.#selected);
    const twin = twinIn(others, open);
    if (twin) throw new Complaint(twin);
    this.open = undefined;
    this.#keep(config, open, others);
    this.#selected = undefined;
    this.#session.isChanged = true;
  }

  /** Caps of CPUs, swap and locked memory are kept as resource controls. */
  #keep(config: ZoneConfig, open: Resource, others: Resource[]): void {
    config.resources = others;
    const { ncpus, physical, swap, locked } = open.simple;
    if (open.type === 'capped-cpu') setRctl(config, 'zone.cpu-cap', Math.round(Number(ncpus) * 100));
    else if (open.type === 'capped-memory') {
      if (swap) setRctl(config, 'zone.max-swap', Number(swap));
      if (locked) setRctl(config, 'zone.max-locked-memory', Number(locked));
      if (physical) config.resources.push({ type: 'capped-memory', simple: { physical }, lists: {} });
    } else config.resources.push(open);
  }

  #select(asked: Subcommand, config: ZoneConfig): void {
    if (this.open) throw this.#misplaced(asked);
    const type = this.#typeIn(asked);
    const [found, another] = matching(config, type, asked);
    if (!found) throw new Complaint(`select ${type}: No such resource with that id`);
    if (another) throw new Complaint(`select ${type}: Insufficient specification`);
    this.#selected = config.resources.find((one) => one === found);
    this.open = structuredClone(found);
  }

  #removeResources(asked: Subcommand, config: ZoneConfig): void {
    const type = this.#typeIn(asked);
    const force = asked.words.includes('-F');
    const found = matching(config, type, asked);
    if (found.length === 0 && !force) {
      const why = asked.pairs.length > 0 ? 'No such resource with that id' : 'No such resource type';
      throw new Complaint(`remove ${type}: ${why}`);
    }
    if (found.length > 1 && asked.pairs.length > 0) {
      throw new Complaint(`remove ${type}: Insufficient specification`);
    }
    if (found.length > 1 && !force) {
      throw new Complaint('Input not from terminal and -F not specified:\nremove command ignored, exiting.');
    }
    if (type === 'capped-cpu') setRctl(config, 'zone.cpu-cap', undefined);
    if (type === 'capped-memory') {
      setRctl(config, 'zone.max-swap', undefined);
      setRctl(config, 'zone.max-locked-memory', undefined);
    }
    config.resources = config.resources.filter((one) => !found.includes(one));
    this.#session.isChanged = true;
  }
}

const TEXTS: Record<string, 'bootargs' | 'pool' | 'limitpriv' | 'schedulingClass' | 'hostid' | 'fsAllowed'> = {
  bootargs: 'bootargs',
  pool: 'pool',
  limitpriv: 'limitpriv',
  'scheduling-class': 'schedulingClass',
  hostid: 'hostid',
  'fs-allowed': 'fsAllowed',
};

function setText(config: ZoneConfig, name: string, text: string): string | undefined {
  const key = Object.hasOwn(TEXTS, name) ? TEXTS[name] : undefined;
  if (key === undefined) return `${name}: No such property type`;
  config[key] = text;
  return undefined;
}

/** Of the caps there is one each; a cap of the CPUs stands against dedicated ones. */
function isTaken(config: ZoneConfig, type: ResourceType): boolean {
  const has = (name: string) => rctlLimit(config, name) !== undefined;
  if (type === 'capped-memory') {
    return resourcesOf(config, type).length > 0 || has('zone.max-swap') || has('zone.max-locked-memory');
  }
  if (type === 'capped-cpu' || type === 'dedicated-cpu') {
    return has('zone.cpu-cap') || resourcesOf(config, 'dedicated-cpu').length > 0;
  }
  return false;
}

/** The resources that a subcommand means; those that are kept as resource controls as if they were resources. */
function matching(config: ZoneConfig, type: ResourceType, { pairs }: Subcommand): Resource[] {
  if (type === 'capped-cpu') {
    const cap = rctlLimit(config, 'zone.cpu-cap');
    return cap === undefined ? [] : [{ type, simple: { ncpus: String(cap / 100) }, lists: {} }];
  }
  if (type === 'capped-memory' && isTaken(config, type)) {
    const [kept] = resourcesOf(config, type);
    return [kept ?? { type, simple: {}, lists: {} }];
  }
  return resourcesOf(config, type).filter(({ simple }) =>
    pairs.every(([name, value]) => simple[name] === String(value)),
  );
}

const KEYS: Partial<Record<ResourceType, string[]>> = {
  fs: ['dir'],
  net: ['physical', 'address', 'allowed-address'],
  device: ['match'],
  attr: ['name'],
  dataset: ['name'],
  rctl: ['name'],
  admin: ['user'],
};

function twinIn(others: readonly Resource[], open: Resource): string | undefined {
  const keys = KEYS[open.type];
  if (!keys) return undefined;
  const twin = others.some(
    (one) => one.type === open.type && keys.every((key) => one.simple[key] === open.simple[key]),
  );
  if (!twin) return undefined;
  if (open.type !== 'net')
    return `A ${open.type} resource with the ${keys[0]} '${open.simple[keys[0]!]}' already exists.`;
  const which = open.simple.address ? 'address' : 'allowed-address';
  return `A net resource with the physical '${open.simple.physical}', and ${which} '${open.simple[which] ?? ''}' already exists.`;
}

/** Why a property cannot have a value. */
function unfit(type: ResourceType, name: string, value: string): string | undefined {
  if (type === 'capped-memory') {
    const bytes = /[KMGT]$/i.test(value) ? bytesOf(value) : undefined;
    if (bytes === undefined) return 'A positive number with a required scale suffix (K, M, G or T) was expected here.';
    const leastMiB = { physical: 1, swap: 50, locked: 0 }[name] ?? 0;
    if (bytes < leastMiB * 1024 ** 2) return `${name} value is too small.  It must be at least ${leastMiB}M.`;
  }
  if (type === 'capped-cpu' && !(Number(value) >= 0.01))
    return 'ncpus value is outside the legal range 0.01 - 184467440737095521.';
  if (type === 'dedicated-cpu' && name === 'ncpus' && !/^\d+(-\d+)?$/.test(value)) return 'invalid ncpus';
  if (type === 'attr' && name === 'name' && (!/^[A-Za-z0-9][\w.-]*$/.test(value) || value.startsWith('zone'))) {
    return `Invalid attr name ${value}`;
  }
  if (type === 'attr' && name === 'type' && !['int', 'uint', 'boolean', 'string'].includes(value)) {
    return `invalid attr type '${value}'`;
  }
  // A buffer of MAXNAMELEN, with the byte at its end. Source: zonecfg.c, validate_attr_type_val
  if (type === 'attr' && name === 'value' && value.length > 255) return 'invalid attr value for type=string';
  if (type === 'net' && (name === 'address' || name === 'allowed-address') && !isAddress(value)) {
    return `${name}: Neither an IPv4 nor an IPv6 address nor a host name`;
  }
  if (type === 'net' && name === 'defrouter' && (value.includes('/') || !isAddress(value))) {
    return 'A host name or IP address was expected here.';
  }
  if (type === 'net' && name === 'physical' && !/^[a-z][\w]{0,30}$/i.test(value)) {
    return `${value}: invalid physical interface name`;
  }
  return undefined;
}

const isAddress = (value: string): boolean =>
  /^(\d{1,3}\.){3}\d{1,3}(\/([12]?\d|3[0-2]))?$/.test(value) ||
  /^[0-9a-f:]*:[0-9a-f:]*\/\d{1,3}$/i.test(value) ||
  /^[a-z][\w.-]*(\/\d+)?$/i.test(value);
