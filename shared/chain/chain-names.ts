import type { Chain, ChainNode, NodeKind } from '#shared/model/chain.ts';
import { spokenMs } from '#shared/model/duration.ts';
import { VolumeName } from '#shared/model/volume.ts';
import { didYouMean } from '#shared/verb/suggest.ts';
import type { PartOfChain } from './chain-part.ts';
import { EDGES_MAX, edgeCount, edgesOf, GROUPS_DEEP_MAX, groupOf, groupsAround } from './compile.ts';
import { cyclesIn } from './cycle.ts';

/** Something wrong at a place of the file. */
export interface Problem {
  path: readonly PropertyKey[];
  text: string;
  /** More words, that are dear to find: only asked for when the problem is told. */
  hint?: () => string;
}

/** What is wrong with names, and with what belongs to which kind, as far as it was read. */
export function namesWrong(part: PartOfChain): Problem[] {
  const { chain } = part;
  const problems = Object.entries(chain.nodes).flatMap(([name, node]) => [
    ...unknownNames(chain, name, node),
    ...(part.isUnread(name, 'kind') ? [] : misplaced(name, node, (key) => part.isUnread(name, key))),
    ...neverReady(name, node),
  ]);
  problems.push(...twoGroups(chain), ...tooDeep(chain), ...tooMany(chain));
  return problems.map((problem) => ({ ...problem, path: part.pathInFile(problem.path) }));
}

function unknownNames(chain: Chain, name: string, node: ChainNode): Problem[] {
  const check = (other: string, path: PropertyKey[], seen: Set<string>): Problem[] => {
    if (other === name) return [{ path, text: `${name} names itself: ${name} → ${name}` }];
    if (seen.has(other)) return [{ path, text: `${other} is named twice` }];
    seen.add(other);
    if (Object.hasOwn(chain.nodes, other)) return [];
    return [{ path, text: `there is no node ${other}.`, hint: () => didYouMean(other, Object.keys(chain.nodes)) }];
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
  ['keep', ['guest', 'host', 'network', 'router', 'export'], (node) => node.keep !== undefined],
  ['power', ['host'], (node) => node.power],
  ['params', ['guest'], (node) => Object.keys(node.params).length > 0],
  ['tags', ['guest'], (node) => node.tags.length > 0],
  ['guest', ['guest'], (node) => node.guest !== undefined],
  ['export', ['export'], (node) => node.export !== undefined],
  ['ready', ['guest', 'host', 'network', 'router', 'export', 'check'], (node) => node.ready !== undefined],
  ['host', ['guest', 'network', 'router', 'export', 'check'], (node) => node.host !== undefined],
];

function misplaced(name: string, node: ChainNode, isUnread: (key: string) => boolean): Problem[] {
  const problems: Problem[] = ONLY.filter(([, kinds, has]) => has(node) && !kinds.includes(node.kind)).map(
    ([key, kinds]) => ({
      path: ['nodes', name, key],
      text: `a ${node.kind} has no ${key}; it is for ${kinds.join(', ')}`,
    }),
  );
  const path = ['nodes', name];
  const isBlank = node.ready === undefined || node.ready.tests.some((test) => test.state);
  if (node.kind === 'check' && isBlank && !isUnread('ready'))
    problems.push({ path, text: 'a check needs ready to say what must answer, such as tcp!HOST!PORT' });
  if (node.kind === 'export' && node.host === undefined && !isUnread('host'))
    problems.push({ path, text: 'an export needs host, where its volume is' });
  if (
    node.kind === 'export' &&
    node.export?.volume === undefined &&
    !isUnread('export') &&
    !VolumeName.safeParse(name).success
  )
    problems.push({
      path,
      text: `an export needs export: { volume: … }, since ${name} is no name of a volume, as root.qcow2`,
    });
  if (node.kind === 'group' && node.members.length === 0 && !isUnread('members'))
    problems.push({ path, text: 'a group needs members, the names of its nodes' });
  return problems;
}

/** Answers that cannot all come before the time is over. */
function neverReady(name: string, { ready, timeoutMs }: ChainNode): Problem[] {
  const leastMs = ready ? (ready.good - 1) * ready.everyMs : 0;
  if (!ready || leastMs <= timeoutMs) return [];
  const text = `${ready.good} good answers, one every ${spokenMs(ready.everyMs)}, take ${spokenMs(leastMs)}, and its timeout is ${spokenMs(timeoutMs)}`;
  return [{ path: ['nodes', name, 'ready'], text }];
}

function twoGroups(chain: Chain): Problem[] {
  const groups = groupOf(chain);
  return Object.entries(chain.nodes).flatMap(([group, node]) =>
    node.members.flatMap((member, at) => {
      const other = groups.get(member);
      if (other === group) return [];
      const path = ['nodes', group, 'members', at];
      return [{ path, text: `${member} is in the group ${other} too; one is allowed` }];
    }),
  );
}

function tooDeep(chain: Chain): Problem[] {
  const groups = groupOf(chain);
  return Object.keys(chain.nodes)
    .filter((name) => groupsAround(name, groups).length > GROUPS_DEEP_MAX)
    .map((name) => ({ path: ['nodes', name], text: `it is in groups more than ${GROUPS_DEEP_MAX} deep` }));
}

/** Cycles, where the edges are few enough to be made at all. */
function tooMany(chain: Chain): Problem[] {
  const edges = edgeCount(chain);
  if (edges <= EDGES_MAX) return cycles(chain);
  return [{ path: ['nodes'], text: `its nodes wait for ${edges} others in all; ${EDGES_MAX} are the most` }];
}

function cycles(chain: Chain): Problem[] {
  const edges = edgesOf(chain);
  // What names itself is told where it does.
  for (const [name, after] of edges)
    if (chain.nodes[name]?.after.some((edge) => edge.name === name) || chain.nodes[name]?.members.includes(name))
      edges.set(
        name,
        after.filter((edge) => edge.name !== name),
      );
  const groups = groupOf(chain);
  return cyclesIn(edges).map((round) => {
    const pairs = round.slice(1).map((to, at) => whyOf(chain, groups, round[at] as string, to));
    const text = `these wait for each other: ${round[0]}${pairs.map(({ said }) => said).join('')}`;
    return { path: pairs[0]?.path ?? ['nodes', round[0] as string], text };
  });
}

/** Where a file says that one node waits for another: at itself, at the group that it is, or at one that it is in. */
function whyOf(chain: Chain, groups: ReadonlyMap<string, string>, from: string, to: string): Why {
  const node = chain.nodes[from];
  const after = node?.after.findIndex(({ name }) => name === to) ?? -1;
  if (after >= 0) return { path: ['nodes', from, 'after', after], said: ` → ${to}` };
  const member = node?.kind === 'group' ? node.members.indexOf(to) : -1;
  if (member >= 0) return { path: ['nodes', from, 'members', member], said: ` → ${to}` };
  for (const group of groupsAround(from, groups)) {
    const at = chain.nodes[group]?.after.findIndex(({ name }) => name === to) ?? -1;
    if (at >= 0) return { path: ['nodes', group, 'after', at], said: ` → ${to} (since its group ${group} does)` };
  }
  return { path: ['nodes', from], said: ` → ${to}` };
}

interface Why {
  path: readonly PropertyKey[];
  said: string;
}
