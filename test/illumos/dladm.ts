import { type Call, ERR, Exit, OK, type Options, options, type Program } from './call.ts';
import { printed, type Table } from './columns.ts';
import { GLOBAL, type HostState, type Link, linkNamed } from './state.ts';

/** dladm(8): data links, as far as a host of zones needs them. */
export const dladm: Program = (call) => {
  const [word = 'show-link', ...args] = call.args;
  const act = Object.hasOwn(ACTS, word) ? ACTS[word] : undefined;
  if (!act) throw new Exit(`unknown subcommand '${word}'`);
  return call.host.change((state) => act({ ...call, args }, state));
};

type LinkProgram = (call: Call, state: HostState) => number;

const LONG = {
  temporary: 't',
  link: 'l',
  'mac-address': 'm',
  'mac-prefix': 'r',
  output: 'o',
  parsable: 'p',
  persistent: 'P',
  prop: 'p',
};

const read = (call: Call, letters: string): Options => {
  const asked = options(call.args, letters, LONG);
  if (asked.bad !== undefined) throw new Exit(`unrecognized option '-${asked.bad}'`);
  return asked;
};

/** Starts with a letter and ends in a number that has no zero before it. Source: dladm(8), "link" */
export const isLinkName = (name: string): boolean =>
  /^[a-z](?:\w*[a-z_])?(?:0|[1-9]\d*)$/i.test(name) && name.length <= 31;

const createVnic: LinkProgram = (call, state) => {
  const asked = read(call, 'tl:m:n:r:v:p:R:');
  const [name] = asked.rest;
  const over = asked.flags.get('l');
  if (over === undefined || name === undefined || asked.rest.length > 1)
    throw new Exit('usage: create-vnic [-t] -l <link> <vnic-link>');
  if (!isLinkName(name)) throw new Exit(`invalid link name '${name}'`);
  const below = linkNamed(state, over);
  if (!below) throw new Exit(`invalid link name '${over}': object not found`);
  const refuse = (why: string): never => {
    throw new Exit(`vnic creation over ${over} failed: ${why}`);
  };
  if (below.class === 'vnic') refuse('operation not supported');
  if (taken(state, name)) refuse('object already exists');
  const isTemporary = asked.flags.has('t');
  if (!isTemporary && !below.persistent) refuse("can't create persistent object on top of temporary object");
  const given = asked.flags.get('m') ?? 'auto';
  const properties = propertiesIn(asked);
  for (const [property, value] of Object.entries(properties)) {
    const problem = unfitProperty(property, value);
    if (problem) refuse(problem);
  }
  const mac = ['auto', 'random', 'factory'].includes(given) ? nextMac(state) : plainMac(given);
  if (mac === undefined) return refuse('invalid MAC address value');
  const isUsed = state.links.some(
    (link) => link.mac === mac && link.active && (link.over === over || link.name === over),
  );
  if (isUsed) refuse('MAC address is already in use');
  state.links.push({
    name,
    class: 'vnic',
    over,
    mac,
    macType: given === mac || !['auto', 'random', 'factory'].includes(given) ? 'fixed' : 'random',
    vid: Number(asked.flags.get('v') ?? 0),
    mtu: below.mtu,
    speed: below.speed,
    persistent: !isTemporary,
    active: true,
    properties,
    temporaryProperties: {},
  });
  return OK;
};

/** Random with the OUI of the system, the local bit set; no zero stands before a digit. */
function nextMac(state: HostState): string {
  const serial = state.next.mac++;
  return plainMac(`02:08:20:d6:${(serial >> 8).toString(16)}:${(serial & 0xff).toString(16)}`) ?? '';
}

/** The way that illumos writes a MAC, where it is one that a link can have. */
export function plainMac(text: string): string | undefined {
  const parts = text.split(':');
  if (parts.length !== 6 || parts.some((part) => !/^[0-9a-f]{1,2}$/i.test(part))) return undefined;
  const bytes = parts.map((part) => Number.parseInt(part, 16));
  if ((bytes[0]! & 1) === 1 || bytes.every((byte) => byte === 0)) return undefined;
  return bytes.map((byte) => byte.toString(16)).join(':');
}

const taken = (state: HostState, name: string): boolean => state.links.some((link) => link.name === name);

const propertiesIn = (asked: Options): Record<string, string> =>
  Object.fromEntries(
    asked.all
      .filter(([letter]) => letter === 'p')
      .flatMap(([, value]) => value.split(/,(?=[\w-]+=)/))
      .map((pair): [string, string] => [pair.split('=')[0]!, pair.split('=').slice(1).join('=')]),
  );

const createEtherstub: LinkProgram = (call, state) => {
  const asked = read(call, 'tR:');
  const [name] = asked.rest;
  if (name === undefined || asked.rest.length > 1) throw new Exit('usage: create-etherstub [-t] <etherstub-link>');
  if (!isLinkName(name)) throw new Exit(`invalid link name '${name}'`);
  if (taken(state, name)) throw new Exit('etherstub creation failed: object already exists');
  state.links.push({
    name,
    class: 'etherstub',
    vid: 0,
    mtu: 9000,
    speed: 0,
    persistent: !asked.flags.has('t'),
    active: true,
    properties: {},
    temporaryProperties: {},
  });
  return OK;
};

/** A link that something stands on, that has an IP interface, that a zone has, or flows: busy. */
const deleteLink =
  (kind: 'vnic' | 'etherstub'): LinkProgram =>
  (call, state) => {
    const asked = read(call, 'tR:');
    const [name] = asked.rest;
    if (name === undefined) throw new Exit(`usage: delete-${kind} [-t] <${kind}-link>`);
    const link = linkNamed(state, name);
    if (!link) throw new Exit(`invalid link name '${name}': object not found`);
    const refuse = (why: string): never => {
      throw new Exit(`${kind} deletion failed: ${why}`);
    };
    if (link.class !== kind) refuse('invalid argument');
    if (state.links.some((other) => other.over === name && other.active)) refuse('link busy');
    const isPlumbed = state.stacks[GLOBAL]!.interfaces.some((one) => one.name === name);
    if (isPlumbed || link.zone !== undefined) refuse('link busy');
    if (state.flows.some((flow) => flow.link === name)) refuse('link still has flows');
    if (asked.flags.has('t') && link.persistent) link.active = false;
    else state.links = state.links.filter((one) => one !== link);
    return OK;
  };

const show =
  (kind: 'link' | 'vnic' | 'etherstub' | 'phys'): LinkProgram =>
  (call, state) => {
    const asked = read(call, 'pPso:l:i:mH');
    const [name] = asked.rest;
    const persistent = asked.flags.has('P');
    const there = state.links.filter((link) => (persistent ? link.persistent : link.active));
    if (name !== undefined && !there.some((link) => link.name === name && fitsKind(link, kind))) {
      throw new Exit(
        kind === 'link' || kind === 'phys'
          ? `link ${name} is not valid: object not found`
          : `invalid vnic name '${name}': object not found`,
      );
    }
    const over = asked.flags.get('l');
    const shown = there
      .filter((link) => fitsKind(link, kind) && (name === undefined || link.name === name))
      .filter((link) => over === undefined || link.over === over);
    const table = tableOf(shown, kind);
    for (const line of printed(table, { parsable: asked.flags.has('p'), output: asked.flags.get('o') })) call.out(line);
    return OK;
  };

const fitsKind = (link: Link, kind: string): boolean => kind === 'link' || link.class === kind;

const mtuOf = ({ mtu, properties, temporaryProperties }: Link): string =>
  temporaryProperties.mtu ?? properties.mtu ?? String(mtu);

const FIELDS = {
  link: ['LINK', 'CLASS', 'MTU', 'STATE', 'BRIDGE', 'OVER'],
  vnic: ['LINK', 'OVER', 'SPEED', 'MACADDRESS', 'MACADDRTYPE', 'VID', 'ZONE'],
  etherstub: ['LINK'],
  phys: ['LINK', 'MEDIA', 'STATE', 'SPEED', 'DUPLEX', 'DEVICE'],
};

function tableOf(links: readonly Link[], kind: keyof typeof FIELDS): Table {
  const rows = links.map((link) => ({
    LINK: link.name,
    CLASS: link.class,
    MTU: mtuOf(link),
    STATE: link.class === 'etherstub' ? 'unknown' : 'up',
    OVER: link.over,
    SPEED: String(link.speed),
    MACADDRESS: link.mac,
    MACADDRTYPE: link.macType,
    VID: String(link.vid),
    ZONE: link.zone,
    MEDIA: 'Ethernet',
    DUPLEX: 'full',
    DEVICE: link.name,
  }));
  return { fields: FIELDS[kind], rows };
}

/** What every link has, and what it is where nobody has set it. */
const DEFAULTS: Record<string, string | undefined> = {
  mtu: '1500',
  zone: undefined,
  'allowed-ips': undefined,
  protection: undefined,
  maxbw: undefined,
  priority: 'high',
};

function unfitProperty(name: string, value: string): string | undefined {
  if (!Object.hasOwn(DEFAULTS, name) && !name.startsWith('_')) return 'invalid property';
  if (name === 'mtu' && !(Number(value) >= 68 && Number(value) <= 65_536)) return 'invalid value';
  if (name === 'maxbw' && !/^\d+[KMG]?$/i.test(value)) return 'invalid value';
  return undefined;
}

const setLinkprop: LinkProgram = (call, state) => {
  const asked = read(call, 'tp:R:');
  const link = propertyLink(state, asked);
  for (const [name, value] of Object.entries(propertiesIn(asked))) {
    const problem = unfitProperty(name, value);
    if (problem) throw new Exit(`cannot set link property '${name}' on '${link.name}': ${problem}`);
    if (name === 'zone' && !asked.flags.has('t')) {
      throw new Exit(`cannot set link property 'zone' on '${link.name}': change cannot be persistent`);
    }
    link.temporaryProperties[name] = value;
    if (!asked.flags.has('t')) link.properties[name] = value;
  }
  return OK;
};

const resetLinkprop: LinkProgram = (call, state) => {
  const asked = read(call, 'tp:R:');
  const link = propertyLink(state, asked);
  const names = asked.flags.get('p')?.split(',') ?? Object.keys(DEFAULTS);
  for (const name of names) {
    delete link.temporaryProperties[name];
    if (!asked.flags.has('t')) delete link.properties[name];
  }
  return OK;
};

const showLinkprop: LinkProgram = (call, state) => {
  const asked = read(call, 'Pco:p:');
  const links = asked.rest.length > 0 ? [propertyLink(state, asked)] : state.links.filter((link) => link.active);
  const names = asked.flags.get('p')?.split(',') ?? Object.keys(DEFAULTS);
  const current = (link: Link, name: string) => {
    if (asked.flags.has('P')) return link.properties[name];
    if (name === 'zone') return link.zone;
    if (name === 'mtu') return mtuOf(link);
    return link.temporaryProperties[name] ?? link.properties[name] ?? DEFAULTS[name];
  };
  const rows = links.flatMap((link) =>
    names.map((name) => ({
      LINK: link.name,
      PROPERTY: name,
      PERM: 'rw',
      VALUE: current(link, name),
      DEFAULT: DEFAULTS[name],
      POSSIBLE: undefined,
    })),
  );
  const table = { fields: ['LINK', 'PROPERTY', 'PERM', 'VALUE', 'DEFAULT', 'POSSIBLE'], rows };
  for (const line of printed(table, { parsable: asked.flags.has('c'), output: asked.flags.get('o') })) call.out(line);
  return OK;
};

function propertyLink(state: HostState, asked: Options): Link {
  const [name = ''] = asked.rest;
  const link = linkNamed(state, name);
  if (!link) throw new Exit(`link ${name} is not valid: object not found`, ERR);
  return link;
}

const ACTS: Record<string, LinkProgram> = {
  'create-vnic': createVnic,
  'delete-vnic': deleteLink('vnic'),
  'show-vnic': show('vnic'),
  'create-etherstub': createEtherstub,
  'delete-etherstub': deleteLink('etherstub'),
  'show-etherstub': show('etherstub'),
  'show-link': show('link'),
  'show-phys': show('phys'),
  'set-linkprop': setLinkprop,
  'reset-linkprop': resetLinkprop,
  'show-linkprop': showLinkprop,
};
