import type { Graph } from '#shared/chain/compile.ts';
import { advance, type Step } from '#shared/chain/engine.ts';
import { explain } from '#shared/chain/explain.ts';
import { begin, cancel, hold, redirect } from '#shared/chain/orders.ts';
import type { Fact, NodeRun, Run } from '#shared/chain/run.ts';

/** Plays a chain by hand: facts and orders in words, time as it is said, and what came of it a line each. */
export interface Player {
  readonly graph: Graph;
  readonly step: Step;
  readonly run: Run;
  /** Take in words (below) at a time, step once, and tell what changed. */
  at(ms: number, words?: string): string[];
  /** What its probe has heard. */
  hear(name: string, probe: Fact['probe']): void;
  node(name: string): NodeRun;
  why(name: string): string;
}

/**
 * Words, parted by `;`:
 *
 *     up | down | up a b | hold a | release a | cancel
 *     a b is up | a is down | a is unknown       what its host tells
 *     a ok | a no | a no: why                    how its operation ended, whatever its state is
 *     a works                                    its operation ended well, and its state is as it should be
 *     a answers | a answers 3 | a answers 3 since 5s | a is silent
 *     a b are ...                                 the same as is
 *     why a                                      nothing but a line that says why
 */
export function player(graph: Graph): Player {
  const state = { run: undefined as Run | undefined, step: undefined as Step | undefined, now: 0 };
  const nodes = new Map<string, Fact>();
  const outcomes = new Map<string, { ok: boolean; problem?: string }>();
  const operationOf = (name: string) => state.run?.nodes[graph.places.get(name) ?? -1]?.operation;
  const answer = (name: string, ok: boolean, problem?: string): void => {
    const operation = operationOf(name);
    if (!operation) throw new Error(`${name} was asked for nothing`);
    outcomes.set(operation.id, { ok, ...(problem ? { problem } : {}) });
  };
  const fact = (name: string, change: Partial<Fact>): void => {
    if (!graph.places.has(name)) throw new Error(`there is no ${name}`);
    nodes.set(name, { ...(nodes.get(name) ?? { state: 'unknown' }), ...change });
  };
  const ordered = (run: Run | undefined): Run => {
    if (!run) throw new Error('nothing runs yet');
    return run;
  };

  const ORDERS: readonly (readonly [RegExp, (names: string[], rest: string[]) => void])[] = [
    [
      /^(up|down)((?: [\w-]+)*)$/,
      ([goal, ...part]) => {
        const way = goal === 'up' ? 'up' : 'down';
        state.run = state.run
          ? redirect(graph, state.run, way, part, state.now)
          : begin(graph, 'r', way, part, state.now);
      },
    ],
    [
      /^(hold|release)((?: [\w-]+)+)$/,
      ([verb, ...part]) => {
        state.run = hold(graph, ordered(state.run), part, verb === 'hold');
      },
    ],
    [
      /^cancel$/,
      () => {
        state.run = cancel(ordered(state.run), state.now);
      },
    ],
    [
      /^((?:[\w-]+ )+)(?:is|are) (up|down|unknown)$/,
      (names, [, now]) => {
        for (const name of names) fact(name, { state: now as Fact['state'] });
      },
    ],
    [
      /^((?:[\w-]+ )+)ok$/,
      (names) => {
        for (const name of names) answer(name, true);
      },
    ],
    [
      /^((?:[\w-]+ )+)no(?:: (.*))?$/,
      (names, [, problem]) => {
        for (const name of names) answer(name, false, problem);
      },
    ],
    [
      /^((?:[\w-]+ )+)works?$/,
      (names) => {
        for (const name of names) {
          fact(name, { state: operationOf(name)?.verb === 'stop' ? 'down' : 'up' });
          answer(name, true);
        }
      },
    ],
    [
      /^((?:[\w-]+ )+)(?:is|are) silent$/,
      (names) => {
        for (const name of names) nodes.set(name, { state: nodes.get(name)?.state ?? 'unknown' });
      },
    ],
    [
      /^((?:[\w-]+ )+)answers?(?: (\d+))?(?: since (\d+)s)?$/,
      (names, [, good, since]) => {
        for (const name of names)
          fact(name, {
            probe: { good: Number(good ?? 1), from: since ? Number(since) * 1_000 : state.now, at: state.now },
          });
      },
    ],
  ];

  function order(words: string): void {
    for (const [pattern, act] of ORDERS) {
      const found = pattern.exec(words);
      if (!found) continue;
      const isOrder = /^(up|down|hold|release)/.test(words);
      act((isOrder ? words : (found[1] ?? '')).trim().split(' '), found.slice(1));
      return;
    }
    throw new Error(`not understood: ${words}`);
  }

  const self: Player = {
    graph,
    get step() {
      if (!state.step) throw new Error('nothing runs yet');
      return state.step;
    },
    get run() {
      return ordered(state.run);
    },
    at(ms, words = '') {
      state.now = ms;
      const before = state.run;
      const asked: string[] = [];
      for (const each of words.split(';').map((word) => word.trim()))
        if (each.startsWith('why ')) asked.push(each.slice(4));
        else if (each) order(each);
      if (!state.run) return [];
      const old = before;
      state.step = advance(graph, state.run, { nodes, outcomes }, ms);
      state.run = state.step.run;
      return [...told(old, state.step), ...asked.map((name) => `"${self.why(name)}"`)];
    },
    hear: (name, probe) => fact(name, { probe }),
    node(name) {
      const node = self.run.nodes[graph.places.get(name) ?? -1];
      if (!node) throw new Error(`there is no ${name}`);
      return node;
    },
    why: (name) => explain(graph, self.step, name, state.now),
  };
  return self;
}

/** What changed: phases, operations (`!start`, `!stop`, `!force`), new notes, and how the run ended. */
export function told(before: Run | undefined, { run, actions }: Step): string[] {
  const lines = run.nodes.flatMap((node, at) => {
    const old = before?.nodes[at];
    const asked = actions.filter((action) => action.node === node.name);
    const isSame = (old?.phase ?? 'idle') === node.phase && (old?.want ?? 'none') === node.want;
    if (isSame && asked.length === 0 && (old?.note ?? '') === (node.note ?? '')) return [];
    const signs = asked.map(
      ({ operation }) =>
        ` !${operation.force ? 'force' : operation.verb}${operation.supersedes ? ` over ${operation.supersedes.map(short).join(', ')}` : ''}`,
    );
    return [`${node.name} ${node.phase}${signs.join('')}${node.note ? ` (${node.note})` : ''}`];
  });
  const end = (each: Run | undefined): string =>
    each?.outcome ? `${each.outcome}${each.watching ? ', watching' : ''}` : '';
  return end(run) === end(before) ? lines : [...lines, end(run) ? `= ${end(run)}` : '= goes on'];
}

/** `stop 2` of `r/a/stop/2`. */
const short = (id: string): string => id.split('/').slice(-2).join(' ');
