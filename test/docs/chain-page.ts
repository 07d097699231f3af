import { chainJsonSchema } from '#shared/model/chain.ts';
import { code, pageOf, tableOf } from './markdown.ts';

interface Schema {
  type?: string;
  description?: string;
  default?: unknown;
  const?: unknown;
  enum?: readonly unknown[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
  properties?: Readonly<Record<string, Schema>>;
  required?: readonly string[];
  additionalProperties?: Schema | boolean;
  items?: Schema;
  anyOf?: readonly Schema[];
  allOf?: readonly Schema[];
}

/** The maps that a chain file is made of: where each is in the schema, and what is said of it. */
const PARTS: readonly (readonly [title: string, path: readonly string[], words: string])[] = [
  ['The file', [], 'A chain is one YAML document.'],
  ['A node', ['nodes', '*'], 'Each entry of `nodes` is a node; its key is its name.'],
  [
    'What it waits for: after',
    ['nodes', '*', 'after', '*'],
    'A name alone, `venti`, waits until that node is ready, and cannot do without it. A map says more:',
  ],
  [
    'What ready means: ready',
    ['nodes', '*', 'ready'],
    'One word is enough for the most usual: `state`, `tcp!HOST!PORT` (as Plan 9 writes it, also `/net.alt/tcp!HOST!PORT`), `HOST:PORT`,\n`http://…` or `https://…`. A map has exactly one of `state`, `tcp`, `http`, `dns`, `agent`, `console`, `presence`, `command`,\n`all`, `any`, and may say from where, how often and how many times it is looked at. Each item of `all` and `any` is a word or such a\nmap, without `every`, `good`, `fresh`, `all` and `any`.',
  ],
  ['ready by HTTP: http', ['nodes', '*', 'ready', 'http'], 'What is fetched, and which answer is good.'],
  ['Trying again: retries', ['nodes', '*', 'retries'], 'A count alone, or a map:'],
  ['How it is stopped: stop', ['nodes', '*', 'stop'], 'Asked, or forced; and what is done when it does not stop.'],
];

/** docs/chain-file.md */
export function chainPage(): string {
  const whole = chainJsonSchema('inline') as Schema;
  return pageOf('The chain file', 'shared/model/chain.ts', [
    'Every key that a chain may have. [chains.md](chains.md) is the guide; [chain.schema.json](chain.schema.json) is the same for editors.\n`chain set` tells all that is wrong in a file at once, each with its line and column.',
    'A time is written with its unit: `500ms`, `30s`, `5m`, `1h`. A name has 1 to 63 of `A-Z a-z 0-9 . _ -`, and begins with a letter or digit.',
    ...PARTS.flatMap(([title, path, words]) => [`## ${title}`, words, keysOf(mapAt(whole, path))]),
    '## What belongs to which kind',
    tableOf(
      ['key', 'only for'],
      [
        ['`guest`, `params`', 'guest'],
        ['`host`', 'all but host and group'],
        ['`power`', 'host'],
        ['`ready`', 'all but group; a check must have one that looks at something'],
        ['`members`, `at-once`', 'group; it must have members'],
      ],
    ),
    'A node is in one group at most, and groups may be in groups, up to 16 deep. A group waits for its members, and its members also wait for\nall that the group waits for. Nodes may not wait for each other in a circle.',
  ]);
}

const waysOf = (schema: Schema): Schema[] => [
  schema,
  ...[...(schema.anyOf ?? []), ...(schema.allOf ?? [])].flatMap(waysOf),
];

/** The map at a path, where `*` is any entry or item. */
function mapAt(whole: Schema, path: readonly string[]): Schema {
  let here = waysOf(whole);
  for (const step of path) {
    const below = here.flatMap(({ properties, items, additionalProperties: any }) => {
      const inside = step === '*' ? (items ?? (typeof any === 'object' ? any : undefined)) : properties?.[step];
      return inside ? [inside] : [];
    });
    here = below.flatMap(waysOf);
  }
  const map = here.find(({ properties }) => properties);
  if (!map) throw new Error(`there is no map at ${path.join('.')}`);
  return map;
}

function keysOf({ properties = {}, required = [] }: Schema): string {
  const rows = Object.entries(properties).map(([name, schema]) => [
    code(name),
    schema.description ?? '',
    kindOf(schema),
    required.includes(name)
      ? 'must be given'
      : schema.default === undefined || isGroup(schema.default)
        ? ''
        : said(schema.default),
  ]);
  return tableOf(['key', 'what', 'kind', 'default'], rows);
}

const isGroup = (value: unknown): boolean => typeof value === 'object' && !Array.isArray(value);
const said = (value: unknown): string => code(typeof value === 'string' ? value : JSON.stringify(value));

function kindOf(schema: Schema): string {
  if (schema.enum) return schema.enum.map(said).join(', ');
  if (schema.const !== undefined) return said(schema.const);
  if (schema.anyOf ?? schema.allOf)
    return [...new Set([...(schema.anyOf ?? []), ...(schema.allOf ?? [])].map(kindOf))].join(' or ');
  if (schema.pattern?.includes('(ms|s|m|h)')) return 'time';
  if (schema.type === 'array') return 'list';
  if (schema.type === 'object') return 'map';
  if (schema.type === 'boolean') return '`true` or `false`';
  if (schema.type === 'integer' || schema.type === 'number') return `number, ${schema.minimum} to ${schema.maximum}`;
  return 'text';
}
