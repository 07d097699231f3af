import fc from 'fast-check';
import type { z } from 'zod';
import { ParameterValue } from '#shared/model/boot-parameter.ts';
import { Chain } from '#shared/model/chain.ts';

/** A chain as a file says it, before it is read. */
export type ChainInput = z.input<typeof Chain>;
export type NodeInput = ChainInput['nodes'][string];

export const chainOf = (nodes: Record<string, NodeInput>): Chain => Chain.parse({ chain: 'site', nodes });

const time = fc
  .tuple(fc.integer({ min: 1, max: 999 }), fc.constantFrom('ms', 's', 'm', 'h'))
  .map(([n, unit]) => `${n}${unit}`);
const pause = fc.tuple(fc.integer({ min: 0, max: 90 }), fc.constantFrom('ms', 's', 'm')).map(([n, u]) => `${n}${u}`);
const line = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((text) => !/\p{Cc}/u.test(text));
const isValue = (text: string): boolean => ParameterValue.safeParse(text).success;
const optional = <T extends object>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record(model, { requiredKeys: [] }) as fc.Arbitrary<Partial<T>>;

const port = fc.integer({ min: 1, max: 65_535 });
const test = fc.oneof(
  port.map((n) => `tcp!10.99.0.12!${n}`),
  port.map((n) => ({ tcp: `venti.example:${n}`, from: 'host1' })),
  port.map((n) => ({ tcp: `[2001:db8::1]:${n}`, network: 'net.alt' })),
  fc.constant('https://www.example/health?a=b'),
  fc.constant({ http: { url: 'http://www.example/', status: 204, body: '^ok$' } }),
  fc.constant({ dns: 'www.example' }),
  port.map((n) => `nbd://san.example:${n}/root.qcow2`),
  fc.constant({ agent: true as const }),
  fc.constant({ console: 'login: $' }),
  fc.constant({ presence: 'web1@central.example/host1' }),
  fc.constant({ command: 'pool-is-there' }),
);
const ready = fc.oneof(
  test,
  fc.record({ all: fc.array(test, { minLength: 1, maxLength: 4 }), good: fc.integer({ min: 1, max: 3 }) }),
  fc.record({
    any: fc.array(test, { minLength: 1, maxLength: 4 }),
    every: fc.constant('2s'),
    fresh: fc.constant('1m'),
  }),
);
const retries = fc.oneof(
  fc.integer({ min: 0, max: 100 }),
  fc.record({ count: fc.nat(100), delay: time, factor: fc.integer({ min: 1, max: 10 }), most: time }),
);
const stop = optional({
  how: fc.constantFrom('shutdown' as const, 'force' as const),
  timeout: time,
  // biome-ignore lint/suspicious/noThenProperty: it is the word of the file.
  then: fc.constantFrom('force' as const, 'fail' as const),
});

/** A node that waits for nothing, of a kind that can be started. */
const lonely: fc.Arbitrary<NodeInput> = optional<NodeInput>({
  kind: fc.constantFrom('guest' as const, 'network' as const, 'router' as const, 'export' as const),
  host: fc.constantFrom('host1', 'host2'),
  tags: fc.array(line, { maxLength: 3 }),
  ready,
  timeout: fc.constantFrom('10s', '2m', '1.5h'),
  retries,
  delay: pause,
  'on-failure': fc.constantFrom('halt' as const, 'continue' as const, 'rollback' as const),
  stop,
  params: fc.dictionary(fc.stringMatching(/^[A-Za-z][A-Za-z0-9_.-]{0,39}$/), line.filter(isValue), { maxKeys: 3 }),
  hold: fc.boolean(),
}).map(({ tags, params, ...node }) => {
  if (node.kind === 'export') return { host: 'host1', ...node, export: { volume: 'v.raw' } };
  if ((node.kind ?? 'guest') !== 'guest') return node;
  return { ...node, ...(tags ? { tags } : {}), ...(params ? { params: { ...params } } : {}) };
});

const until = fc.constantFrom('ready' as const, 'started' as const);
const need = fc.constantFrom('hard' as const, 'soft' as const);

/** Chains with no cycle and no error: each node waits for some of those before it, and some are in groups. */
export const someChain = (nodesMax = 12): fc.Arbitrary<ChainInput> =>
  fc
    .tuple(
      fc.array(lonely, { minLength: 1, maxLength: nodesMax }),
      fc.array(fc.tuple(fc.nat(), fc.nat(), until, need), { maxLength: 3 * nodesMax }),
      fc.array(fc.tuple(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 3 })), { maxLength: 3 }),
      fc.shuffledSubarray(
        Array.from({ length: nodesMax }, (_, at) => at),
        { minLength: nodesMax },
      ),
    )
    .map(([specs, edges, groups, order]) => assembled(specs, edges, groups, order));

type EdgeChoice = readonly [number, number, 'ready' | 'started', 'hard' | 'soft'];

function assembled(
  specs: readonly NodeInput[],
  edges: readonly EdgeChoice[],
  groups: readonly (readonly [number, number, number])[],
  order: readonly number[],
): ChainInput {
  const nodes = specs.map((spec) => ({ ...spec, after: [] as { name: string; until: string; need: string }[] }));
  for (const [a, b, whenUp, whether] of edges) {
    const [first, second] = [a % nodes.length, b % nodes.length].toSorted((x, y) => x - y) as [number, number];
    const after = nodes[second]?.after ?? [];
    if (first === second || after.some(({ name }) => name === `n${first}`)) continue;
    after.push({ name: `n${first}`, until: whenUp, need: whether });
  }
  const named = nodes.map((node, at): [string, NodeInput] => [`n${at}`, node as NodeInput]);
  const inOrder = order.flatMap((at) => (named[at] ? [named[at]] : []));
  return { chain: 'site', nodes: Object.fromEntries([...inOrder, ...groupsOf(nodes.length, groups)]) };
}

/** Groups of neighbours, each with other nodes, that wait for nodes in front of all of them. */
function groupsOf(count: number, groups: readonly (readonly [number, number, number])[]): [string, NodeInput][] {
  const taken = new Set<number>();
  return groups.flatMap(([from, length, atOnce], at): [string, NodeInput][] => {
    const first = from % count;
    const members = Array.from({ length: 1 + (length % 5) }, (_, more) => first + more).filter(
      (member) => member < count && !taken.has(member),
    );
    for (const member of members) taken.add(member);
    if (members.length === 0) return [];
    const front = Math.min(...members) - 1;
    const group: NodeInput = { kind: 'group', members: members.map((member) => `n${member}`), 'at-once': atOnce };
    return [[`group${at}`, front >= 0 ? { ...group, after: [`n${front}`] } : group]];
  });
}
