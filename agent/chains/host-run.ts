import type { Inventory } from '#agent/inventory/inventory.ts';
import type { NetworkKeeper } from '#agent/networks/keeper.ts';
import type { Probing } from '#agent/probes/probing.ts';
import type { Graph, GraphNode } from '#shared/chain/compile.ts';
import { type Action, type Fact, hasEnded, type Operation, type Run, watched } from '#shared/chain/run.ts';
import type { Clock } from '#shared/clock.ts';
import { conductor, type Ended } from '#shared/conduct/conductor.ts';
import { exportFact, exportVerbOf } from '#shared/conduct/export-node.ts';
import { guestVerbOf, isSoAlready } from '#shared/conduct/guest-operation.ts';
import { Failure } from '#shared/errors.ts';
import { isStateOnly } from '#shared/model/chain-ready.ts';
import { isActive } from '#shared/model/guest.ts';
import type { Job } from '#shared/model/job.ts';
import { type Probe, type ProbeAnswer, placedAt } from '#shared/model/probe.ts';
import type { ExportStanding } from '#shared/model/volume.ts';
import type { JobListener } from '#shared/verb/offer.ts';
import type { Perform } from '#shared/verb/request.ts';

export interface HostRunDeps {
  inventory: Inventory;
  /** Networks and routers are its matter: they are realised before anything is started here. */
  keeper: Pick<NetworkKeeper, 'wanted' | 'standing' | 'onStanding'>;
  /** Undefined where this host has no volumes. */
  exports?: { readonly standing: readonly ExportStanding[]; onStanding(listener: () => void): () => void };
  host: string;
  probing: Pick<Probing, 'start'>;
  perform: Perform;
  onJob(listener: JobListener): () => void;
  /** On whose word it acts: central's. */
  central: string;
  keep(run: Run): Promise<void>;
  clock: Clock;
  log: Record<'info' | 'warn', (fields: object, message: string) => void>;
  onBug(error: unknown): void;
}

type Sight = ProbeAnswer & { placed: { good: number; from: number; at: number } };

/** Carry a run out on this host alone. Returns what ends it; what is under way goes on. */
export function startHostRun(deps: HostRunDeps, graph: Graph, run: Run, behalfOf: string): () => void {
  const { inventory, probing, clock, log, onBug } = deps;
  const seen = new Map<string, Sight>();
  const sinceOf = (now: Run, name: string): number => now.nodes[graph.places.get(name) ?? 0]?.upFrom ?? 0;
  const looks = probing.start([], (answers) => {
    for (const answer of answers) seen.set(answer.id, { ...answer, placed: placedAt(answer, clock.now()) });
    conducted.nudge();
  });
  const conducted = conductor({
    ...{ graph, run, clock, onBug, keep: deps.keep },
    facts: (now) =>
      new Map(graph.nodes.flatMap((node) => factOf(deps, node, seen.get(node.name), sinceOf(now, node.name)))),
    carryOut: (action) => carryOut(deps, graph, action, behalfOf),
    stepped: (_before, { run: now }) => {
      looks.replace(watched(graph, now).flatMap((node) => probeOf(node, sinceOf(now, node.name))));
      if (!hasEnded(now)) return;
      log.info({ chain: now.chain, run: now.id, outcome: now.outcome }, 'brought up what this host can by itself');
      end();
    },
  });
  const offs = [
    inventory.onChange(conducted.nudge),
    inventory.onState(conducted.nudge),
    deps.keeper.onStanding(conducted.nudge),
    ...(deps.exports ? [deps.exports.onStanding(conducted.nudge)] : []),
  ];
  const end = (): void => {
    for (const off of offs) off();
    looks.stop();
    conducted.stop();
  };
  looks.replace(watched(graph, run).flatMap((node) => probeOf(node, sinceOf(run, node.name))));
  conducted.start();
  return end;
}

function factOf(
  { inventory, keeper, exports, host }: Pick<HostRunDeps, 'inventory' | 'keeper' | 'exports' | 'host'>,
  node: GraphNode,
  sight: Sight | undefined,
  since: number,
): [string, Fact][] {
  const { kind, guest = node.name } = node.spec;
  if (kind === 'group') return [];
  const probe = sight?.since === since ? { probe: sight.placed, ...(sight.why ? { why: sight.why } : {}) } : {};
  if (kind === 'network' || kind === 'router')
    return [[node.name, { ...networkFact(keeper, kind, node.name), ...probe }]];
  if (kind === 'export') return [[node.name, { ...exportFact(node, exports?.standing, host, false), ...probe }]];
  if (kind !== 'guest') return [[node.name, { state: 'unknown', ...probe }]];
  const found = inventory.guests().find(({ name }) => name === guest);
  if (!isAnswering(inventory, found?.driver))
    return [[node.name, { state: 'unknown', why: 'the hypervisor does not answer', ...probe }]];
  if (!found) return [[node.name, { state: 'down', why: 'there is no such guest' }]];
  return [[node.name, { state: isActive(found.state) ? 'up' : 'down', ...probe }]];
}

const isAnswering = ({ state, silent }: Inventory, driver: string | undefined): boolean =>
  state === 'up' || (driver !== undefined && silent?.includes(driver) === false);

/** Of what it was told to have, the host has all that it has no trouble with. */
function networkFact({ standing }: HostRunDeps['keeper'], kind: 'network' | 'router', name: string): Fact {
  const trouble = standing.troubles.find((each) => each.what === kind && each.name === name);
  return trouble ? { state: 'down', why: trouble.problem } : { state: 'up' };
}

function probeOf({ name, spec }: GraphNode, since: number): Probe[] {
  const { ready, kind, guest = name } = spec;
  if (!ready || isStateOnly(ready)) return [];
  const tests = ready.tests.map(({ from: _, ...test }) => test);
  const { mode, everyMs, good, freshMs } = ready;
  return [{ id: name, ...(kind === 'guest' ? { guest } : {}), since, tests, mode, everyMs, good, freshMs }];
}

function guestCallOf(operation: Operation, { name, spec }: GraphNode) {
  const { verb, args } = guestVerbOf(operation, spec);
  return { verb, args: { guest: spec.guest ?? name, ...args } };
}

/** Once, by the journal: the id is the same when a run that was cut off goes on. */
async function carryOut(
  { perform, onJob, central, keeper }: HostRunDeps,
  graph: Graph,
  { node: name, operation }: Action,
  behalfOf: string,
): Promise<Ended> {
  const node = graph.nodes[graph.places.get(name) ?? -1];
  if (!node) throw new Error(`${operation.id} is of no node of its chain`);
  const { spec } = node;
  if (spec.kind === 'network' || spec.kind === 'router') {
    const { state, why = '' } = networkFact(keeper, spec.kind, name);
    // The host mends what ails it by itself; what is wanted is central's to say.
    return state === 'up' ? { ok: true } : { ok: false, problem: why };
  }
  const { verb, args } = spec.kind === 'export' ? exportVerbOf(operation, node) : guestCallOf(operation, node);
  const ended = Promise.withResolvers<Job>();
  let jobId: string | undefined;
  const off = onJob((job) => job.id === jobId && job.state !== 'running' && ended.resolve(job));
  try {
    const answer = await perform({
      verb,
      args,
      requester: { bareJid: central, fullJid: central, behalfOf },
      surface: 'chain',
      operation: operation.id,
      ...(operation.supersedes ? { supersedes: operation.supersedes } : {}),
      confirmed: true,
    });
    if (answer.kind !== 'job') return { ok: true };
    jobId = answer.job.id;
    const job = answer.job.state === 'running' ? await ended.promise : answer.job;
    return job.state === 'done' ? { ok: true } : { ok: false, problem: job.progress };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return isSoAlready(error, operation) ? { ok: true } : { ok: false, problem: error.message };
  } finally {
    off();
  }
}
