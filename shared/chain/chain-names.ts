import type { Chain, ChainNode, NodeKind } from '#shared/model/chain.ts';
import { didYouMean } from '#shared/verb/suggest.ts';
import { edgesOf, groupOf, orderOf } from './compile.ts';
import { cycleIn } from './cycle.ts';

/** Something wrong at a place of the file. */
export interface Problem {
  path: readonly PropertyKey[];
  text: string;
}

/** What is wrong with names and with what belongs to which kind, once each value by itself is right. */
export function namesWrong(chain: Chain): Problem[] {
  const problems = Object.entries(chain.nodes).flatMap(([name, node]) => [
    ...unknownNames(chain, name, node),
    ...misplaced(name, node),
  ]);
  problems.push(...twoGroups(chain));
  return problems.length > 0 ? problems : cycles(chain);
}

function unknownNames(chain: Chain, name: string, node: ChainNode): Problem[] {
  const check = (other: string, path: PropertyKey[], seen: Set<string>): Problem[] => {
    if (other === name) return [{ path, text: `${name} names itself: ${name} → ${name}` }];
    if (seen.has(other)) return [{ path, text: `${other} is named twice` }];
    seen.add(other);
    if (Object.hasOwn(chain.nodes, other)) return [];
    return [{ path, text: `there is no node ${other}.${didYouMean(other, Object.keys(chain.nodes))}` }];
  };
  const after = new Set<string>();
  const members = new Set<string>();
  return [
    ...node.after.flatMap((edge, at) => check(edge.name, ['nodes', name, 'after', at], after)),
    ...node.members.flatMap((member, at) => check(member, ['nodes', name, 'members', at], members)),
  ];
}

/** Keys that mean something for some kinds only, and whether they are there. */
const ONLY: readonly (readonly [key: string, kinds: readonly NodeKind[], has: (node: ChainNode) => boolean])[] = [
  ['members', ['group'], (node) => node.members.length > 0],
  ['at-once', ['group'], (node) => node.atOnce !== undefined],
  ['power', ['host'], (node) => node.power],
  ['params', ['guest'], (node) => Object.keys(node.params).length > 0],
  ['guest', ['guest'], (node) => node.guest !== undefined],
  ['ready', ['guest', 'host', 'network', 'router', 'export', 'check'], (node) => node.ready !== undefined],
  ['host', ['guest', 'network', 'router', 'export', 'check'], (node) => node.host !== undefined],
];

function misplaced(name: string, node: ChainNode): Problem[] {
  const problems = ONLY.filter(([, kinds, has]) => has(node) && !kinds.includes(node.kind)).map(([key, kinds]) => ({
    path: ['nodes', name, key],
    text: `a ${node.kind} has no ${key}; it is for ${kinds.join(', ')}`,
  }));
  if (node.kind === 'check' && (node.ready === undefined || node.ready.tests.some((test) => test.state)))
    problems.push({
      path: ['nodes', name],
      text: 'a check needs ready to say what must answer, such as tcp!HOST!PORT',
    });
  if (node.kind === 'group' && node.members.length === 0)
    problems.push({ path: ['nodes', name], text: 'a group needs members, the names of its nodes' });
  return problems;
}

function twoGroups(chain: Chain): Problem[] {
  const groups = groupOf(chain);
  return Object.entries(chain.nodes).flatMap(([group, node]) =>
    node.members.flatMap((member, at) =>
      groups.get(member) === group
        ? []
        : [
            {
              path: ['nodes', group, 'members', at],
              text: `${member} is in the group ${groups.get(member)} too; one is allowed`,
            },
          ],
    ),
  );
}

function cycles(chain: Chain): Problem[] {
  const edges = edgesOf(chain);
  if (orderOf(edges).length === edges.size) return [];
  const path = cycleIn(edges) ?? [];
  const [first = '', second = ''] = path;
  const at = chain.nodes[first]?.after.findIndex(({ name }) => name === second) ?? -1;
  const where = at >= 0 ? ['nodes', first, 'after', at] : ['nodes', first];
  return [{ path: where, text: `these wait for each other: ${path.join(' → ')}` }];
}
