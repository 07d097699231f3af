import { Failure } from '#shared/errors.ts';

/** One line of a resource: `set NAME=VALUE` or `add NAME VALUE`. The value is as it is meant, without quotes. */
export interface Setting {
  how: 'set' | 'add';
  name: string;
  value: string;
}
export interface Resource {
  kind: string;
  settings: Setting[];
}
/** A zone's configuration: what `zonecfg export` prints and `zonecfg -f` takes. */
export interface ZoneConfig {
  /** Words after `create`: `-b`, or `-t TEMPLATE`. */
  create: string[];
  /** Properties of the zone itself, in order. */
  properties: Map<string, string>;
  resources: Resource[];
}

const WORD = '[A-Za-z][A-Za-z0-9-]*';
const SET = new RegExp(`^set (${WORD})\\s*=\\s*(.*)$`);
const ADD_VALUE = new RegExp(`^add (${WORD}) (\\S.*)$`);
const ADD = new RegExp(`^add (${WORD})$`);
const CREATE = /^create(?: -F)?((?: -b| -t [A-Za-z0-9][A-Za-z0-9_.-]*)?)$/;
/** What people write at the end of command files; here it is always done. */
const DONE_ANYWAY = new Set(['verify', 'commit', 'exit']);

/**
 * The configuration that a command file of zonecfg means.
 *
 * Shape: a subcommand a line, as `zonecfg export` writes them: `create`, then `set` of the zone's properties, and `add KIND` … `end` for each
 * resource, with `set` and `add` in it; empty lines and lines that begin with `#` say nothing
 * @throws Failure guest-definition, naming the line
 * Source: zonecfg(8); recorded in test/fixtures/zones/
 */
export function parseZoneConfig(text: string): ZoneConfig {
  const config: ZoneConfig = { create: [], properties: new Map(), resources: [] };
  let resource: Resource | undefined;
  let begun = false;
  const take = (line: string): void => {
    const created = CREATE.exec(line);
    const [, setName, setValue] = SET.exec(line) ?? [];
    const [, addName, addValue] = ADD_VALUE.exec(line) ?? [];
    const [, kind] = ADD.exec(line) ?? [];
    if (created && !begun) config.create = (created[1] ?? '').split(' ').filter((word) => word !== '');
    else if (!begun) throw strange(line, 'the first line is to be create -b, or create -t TEMPLATE');
    else if (setName !== undefined && setValue !== undefined) put(setName, plain(setValue, line));
    else if (resource && addName !== undefined && addValue !== undefined)
      resource.settings.push({ how: 'add', name: addName, value: plain(addValue, line) });
    else if (!resource && kind !== undefined) resource = { kind, settings: [] };
    else if (resource && line === 'end') {
      config.resources.push(resource);
      resource = undefined;
    } else if (resource || !DONE_ANYWAY.has(line)) throw strange(line, 'it is not understood');
    begun = true;
  };
  const put = (name: string, value: string): void => {
    if (resource) resource.settings.push({ how: 'set', name, value });
    else config.properties.set(name, value);
  };
  for (const line of text.split('\n').map((each) => each.trim())) if (line !== '' && !line.startsWith('#')) take(line);
  if (!begun || resource)
    throw new Failure('guest-definition', {
      problem: resource ? `the resource ${resource.kind} has no end` : 'it is empty; commands of zonecfg are due',
    });
  return config;
}

const strange = (line: string, problem: string): Failure =>
  new Failure('guest-definition', { problem: `${JSON.stringify(line.slice(0, 80))}: ${problem}` });

function plain(written: string, line: string): string {
  const quoted = /^"([^"]*)"$/.exec(written);
  if (!quoted && written.includes('"')) throw strange(line, 'quotes stand around the whole value');
  return quoted?.[1] ?? written;
}

/** The command file of a configuration, in the order of `zonecfg export`. @throws Failure guest-definition */
export const configText = (config: ZoneConfig): string =>
  [
    ['create', ...config.create].join(' '),
    ...Array.from(config.properties, ([name, value]) => `set ${name}=${written(value)}`),
    ...config.resources.flatMap(resourceLines),
  ]
    .map((line) => `${line}\n`)
    .join('');

/** The lines that add a resource. @throws Failure guest-definition */
export const resourceLines = ({ kind, settings }: Resource): string[] => [
  `add ${kind}`,
  ...settings.map(settingLine),
  'end',
];

const settingLine = ({ how, name, value }: Setting): string =>
  how === 'set' ? `set ${name}=${written(value)}` : `add ${name} ${isComplex(value) ? checked(value) : written(value)}`;

/** A list or a complex value is written as it is. */
const isComplex = (value: string): boolean => /^\(.*\)$|^\[.*\]$/.test(value);

/**
 * A value as zonecfg reads it: in double quotes, which it has no way to say inside, where it is not plain.
 *
 * @throws Failure guest-definition
 */
export function written(value: string): string {
  const text = checked(value);
  return /^[A-Za-z0-9_./:@%+,-]+$/.test(text) ? text : `"${text}"`;
}

function checked(value: string): string {
  if (/["\p{Cc}]/u.test(value))
    throw new Failure('guest-definition', {
      problem: `zonecfg can hold no quotes and no control characters: ${JSON.stringify(value.slice(0, 80))}`,
    });
  return value;
}

/** The value of a property of a resource. */
export const settingOf = (resource: Resource, name: string): string | undefined =>
  resource.settings.find((each) => each.name === name)?.value;

export const resourcesOf = (config: ZoneConfig, kind: string): Resource[] =>
  config.resources.filter((each) => each.kind === kind);

/** A resource of these properties; what is undefined is left out. */
export const resource = (kind: string, properties: Readonly<Record<string, string | undefined>>): Resource => ({
  kind,
  settings: Object.entries(properties).flatMap(([name, value]) =>
    value === undefined ? [] : [{ how: 'set' as const, name, value }],
  ),
});

/** A generic attribute. */
export const attribute = (name: string, value: string): Resource => resource('attr', { name, type: 'string', value });

export const attributeOf = (config: ZoneConfig, name: string): string | undefined => {
  const found = resourcesOf(config, 'attr').find((each) => settingOf(each, 'name') === name);
  return found && settingOf(found, 'value');
};

/** A file or folder of the global zone that a zone sees and cannot change. */
export function readOnly(dir: string, special: string): Resource {
  const { kind, settings } = resource('fs', { dir, special, type: 'lofs' });
  return { kind, settings: [...settings, { how: 'add', name: 'options', value: '[ro,nodevices]' }] };
}

/** A configuration for a zone that is there: its export names the brand that its template stands for. */
export function withBrandOf(there: ZoneConfig, config: ZoneConfig): ZoneConfig {
  const brand = there.properties.get('brand');
  if (config.create[0] !== '-t' || brand === undefined) return config;
  return { ...config, properties: new Map([...config.properties, ['brand', brand]]) };
}
