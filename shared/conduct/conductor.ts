/**
 * Responsibilities: carry a run of a chain out: let the engine step, keep what it decided, and only then have it done.
 *
 * Theory of operation: a step is taken when something that the engine looks at may have changed (`nudge`), when it asked to be woken, and
 * after an order. What a step changes is on the disk before any of its actions begins, and actions have ids that follow from
 * the run: so after a crash those without an answer are begun again, under the same ids, and act once. Steps and orders follow one another.
 *
 * What can go wrong: there is no room on the disk. Then nothing is done that cannot be kept first, and it is tried again.
 */

import type { Graph } from '#shared/chain/compile.ts';
import { advance, type Step } from '#shared/chain/engine.ts';
import { type Action, type Fact, outstanding, type Run } from '#shared/chain/run.ts';
import type { Clock } from '#shared/clock.ts';
import { oneLine } from '#shared/turns.ts';

export interface Ended {
  ok: boolean;
  problem?: string;
}

export interface ConductorDeps {
  graph: Graph;
  run: Run;
  /** What is known of the nodes now, by name. */
  facts(run: Run): ReadonlyMap<string, Fact>;
  /** Resolves when the run is on the disk. `changed`: the places of the nodes that are not as they were. */
  keep(run: Run, changed: readonly number[]): Promise<void>;
  /** Have it done, however long that takes. Rejects where it was given up, by the signal alone. */
  carryOut(action: Action, signal: AbortSignal): Promise<Ended>;
  /** Told after each step or order that changed something. */
  stepped(before: Run, step: Step): void;
  clock: Clock;
  onBug(error: unknown): void;
}

export interface Conductor {
  readonly run: Run;
  /** The last step: what is waited for. */
  readonly step: Step;
  /** Begin what is outstanding, and step. */
  start(): void;
  /** Something may have changed. */
  nudge(): void;
  /** Change the run, as by redirect, hold or cancel; resolves when it is kept. @throws what `change` throws, Failure host-space */
  order(change: (run: Run) => Run): Promise<void>;
  /** Do nothing more. What is under way at agents goes on there, and is taken up again by the next conductor. */
  stop(): void;
}

const AGAIN_MS = 5_000;

export function conductor(deps: ConductorDeps): Conductor {
  const { graph, clock, onBug } = deps;
  const outcomes = new Map<string, Ended>();
  const underWay = new Map<string, AbortController>();
  let run = deps.run;
  /** As it was told of last. */
  let told = run;
  let step: Step = { run, actions: [], waits: [] };
  let isStopped = false;
  let isDue = false;
  let callOff = (): void => {};

  const inTurn = oneLine();
  const keep = async (next: Run): Promise<void> => {
    const changed = changedBetween(run, next);
    if (changed.length > 0 || !sameHeader(run, next)) await deps.keep(next, changed);
    run = next;
  };
  const takeStep = async (): Promise<void> => {
    isDue = false;
    if (isStopped) return;
    const taken = advance(graph, run, { nodes: deps.facts(run), outcomes }, clock.now());
    await keep(taken.run);
    step = taken;
    for (const action of taken.actions) begin(action);
    forget();
    arm(taken.wakeAt);
    const before = told;
    told = run;
    if (before !== run) deps.stepped(before, taken);
  };
  const begin = (action: Action): void => {
    const { id, supersedes = [] } = action.operation;
    for (const old of supersedes) underWay.get(old)?.abort(new Error(`${id} takes its place`));
    if (isStopped || underWay.has(id)) return;
    const giveUp = new AbortController();
    underWay.set(id, giveUp);
    deps
      .carryOut(action, giveUp.signal)
      .then(
        (ended) => {
          if (giveUp.signal.aborted) return;
          outcomes.set(id, ended);
          nudge();
        },
        (error) => giveUp.signal.aborted || onBug(error),
      )
      .finally(() => underWay.delete(id));
  };
  /** Only what the run still waits for is of use. */
  const forget = (): void => {
    const awaited = new Set(run.nodes.flatMap(({ operation }) => (operation ? [operation.id] : [])));
    for (const id of [...outcomes.keys()]) if (!awaited.has(id)) outcomes.delete(id);
  };
  const arm = (wakeAt: number | undefined): void => {
    callOff();
    if (isStopped || wakeAt === undefined) return;
    callOff = clock.after(Math.max(1, wakeAt - clock.now()), nudge);
  };
  const nudge = (): void => {
    if (isDue || isStopped) return;
    isDue = true;
    inTurn(takeStep).catch((error) => {
      onBug(error);
      if (!isStopped) callOff = clock.after(AGAIN_MS, nudge);
    });
  };

  return {
    start: () => {
      for (const action of outstanding(run)) begin(action);
      nudge();
    },
    get run() {
      return run;
    },
    get step() {
      return step;
    },
    nudge,
    order: (change) =>
      inTurn(async () => {
        await keep(change(run));
        nudge();
      }),
    stop: () => {
      isStopped = true;
      callOff();
      for (const giveUp of underWay.values()) giveUp.abort(new Error('the program stops'));
    },
  };
}

/** The places of the nodes that are not the same in both. */
const changedBetween = (before: Run, after: Run): number[] =>
  after.nodes.flatMap((node, at) => {
    const old = before.nodes[at];
    return old === node || JSON.stringify(old) === JSON.stringify(node) ? [] : [at];
  });

function sameHeader({ nodes: _, ...before }: Run, { nodes: __, ...after }: Run): boolean {
  return JSON.stringify(before) === JSON.stringify(after);
}
