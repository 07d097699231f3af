import assert from 'node:assert/strict';
import type { Graph } from '#shared/chain/compile.ts';
import { advance } from '#shared/chain/engine.ts';
import { begin, redirect } from '#shared/chain/orders.ts';
import {
  type Action,
  type Fact,
  type Facts,
  hasEnded,
  type NodeRun,
  outstanding,
  type Run,
} from '#shared/chain/run.ts';
import { checkStep } from '#test/unit/support/chains/invariants.ts';

/**
 * A small world of which every order of events is tried. What happens by itself: a message to an agent arrives (in any
 * order), which is the effect; central hears the state of a guest, or an answer; what was lost is sent again; and when
 * nothing else is left, time goes on to the next limit. What may go wrong, so many times in all: a message is lost, central
 * dies (with or without having sent what it stored) and knows only its run, a guest dies, a start is refused, time goes on
 * although something is under way. And the goal may be turned, for all or for a part, so many times.
 */
interface State {
  run: Run;
  /** When to step again, ms. */
  wakeAt: number | undefined;
  now: number;
  /** What is so, by place, and what central believes. */
  isUp: readonly boolean[];
  /** It died by itself: of that a run that has ended need not have heard. */
  isDead: readonly boolean[];
  believed: readonly Fact['state'][];
  flight: readonly Action[];
  /** What the agents have journaled, by id. */
  journal: ReadonlyMap<string, boolean>;
  superseded: ReadonlySet<string>;
  /** The answers that central has heard and not forgotten. */
  heard: ReadonlySet<string>;
  troubles: number;
  /** How often the goal may be turned. */
  turns: number;
}

/** @returns how many states there are @throws when an invariant does not hold, with the way there */
export function explore(graph: Graph, goal: 'up' | 'down', troubles: number, turns: number): number {
  const seen = new Set<string>();
  const first: State = {
    run: begin(graph, 'r', goal, [], 0),
    wakeAt: undefined,
    now: 0,
    isUp: graph.nodes.map(() => goal === 'down'),
    isDead: graph.nodes.map(() => false),
    believed: graph.nodes.map(() => (goal === 'down' ? 'up' : 'down')),
    flight: [],
    journal: new Map(),
    superseded: new Set(),
    heard: new Set(),
    troubles,
    turns,
  };
  const todo: { state: State; way: Way }[] = [{ state: stepped(graph, first), way: undefined }];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    const key = keyOf(next.state);
    if (seen.has(key)) continue;
    seen.add(key);
    try {
      for (const [name, move] of movesOf(graph, next.state))
        todo.push({ state: move(), way: { name, before: next.way } });
    } catch (error) {
      throw new Error(`${wayTo(next.way)}\n${told(next.state)}\n${error instanceof Error ? error.stack : error}`);
    }
  }
  return seen.size;
}

type Way = { name: string; before: Way } | undefined;
const wayTo = (way: Way): string => (way ? `${wayTo(way.before)}, ${way.name}` : 'begin');
type Move = readonly [name: string, move: () => State];

function movesOf(graph: Graph, state: State): Move[] {
  const moves = [...arrivals(graph, state), ...(hasEnded(state.run) ? [] : [...news(graph, state), ...resends(state)])];
  const isAlive = !hasEnded(state.run);
  if (moves.length === 0 && isAlive && state.wakeAt !== undefined) return [['time', () => later(graph, state)]];
  if (moves.length === 0) {
    assert.ok(state.run.outcome, 'nothing is left to happen, and it does not end');
    isTrue(graph, state);
  }
  if (!isAlive) return moves;
  return [
    ...moves,
    ...(state.troubles > 0 ? mishaps(graph, state) : []),
    ...(state.turns > 0 && !state.run.outcome ? turnings(graph, state) : []),
  ];
}

/** Central steps, stores, and sends, unless it dies first. */
function stepped(graph: Graph, state: State, isSent = true): State {
  if (hasEnded(state.run)) return state;
  const nodes = new Map(graph.nodes.map(({ name }, at) => [name, { state: state.believed[at] ?? 'unknown' } as Fact]));
  const outcomes = new Map([...state.heard].map((id) => [id, { ok: state.journal.get(id) ?? false }]));
  const facts: Facts = { nodes, outcomes };
  const step = advance(graph, state.run, facts, state.now);
  checkStep(graph, state.run, facts, state.now, step);
  const flight = isSent ? [...state.flight, ...step.actions] : state.flight;
  return { ...state, run: step.run, wakeAt: step.wakeAt, flight };
}

const arrivals = (graph: Graph, state: State): Move[] =>
  state.flight.map((action, at) => [
    `${action.operation.id} arrives`,
    () => acted(graph, without(state, at), action, true),
  ]);

const without = (state: State, at: number): State => ({ ...state, flight: state.flight.toSpliced(at, 1) });

function acted(graph: Graph, state: State, { node, operation }: Action, isGood: boolean): State {
  const superseded = operation.supersedes ? new Set([...state.superseded, ...operation.supersedes]) : state.superseded;
  if (state.journal.has(operation.id)) return { ...state, superseded };
  const isOk = isGood && !superseded.has(operation.id);
  const journal = new Map(state.journal).set(operation.id, isOk);
  const place = graph.places.get(node) ?? -1;
  return {
    ...state,
    superseded,
    journal,
    isUp: isOk ? state.isUp.with(place, operation.verb === 'start') : state.isUp,
  };
}

function news(graph: Graph, state: State): Move[] {
  const states = state.isUp.flatMap((isUp, at): Move[] => {
    const now = isUp ? 'up' : 'down';
    if (state.believed[at] === now) return [];
    return [
      [
        `${graph.nodes[at]?.name} is ${now}`,
        () => stepped(graph, { ...state, believed: state.believed.with(at, now) }),
      ],
    ];
  });
  const answers = state.run.nodes.flatMap(({ operation }): Move[] => {
    if (!operation || !state.journal.has(operation.id) || state.heard.has(operation.id)) return [];
    return [
      [
        `${operation.id} is answered`,
        () => stepped(graph, { ...state, heard: new Set([...state.heard, operation.id]) }),
      ],
    ];
  });
  return [...states, ...answers];
}

const resends = (state: State): Move[] =>
  outstanding(state.run)
    .filter(({ operation: { id } }) => !state.journal.has(id) && !state.flight.some((sent) => sent.operation.id === id))
    .map((action) => [`${action.operation.id} is sent again`, () => ({ ...state, flight: [...state.flight, action] })]);

const later = (graph: Graph, state: State): State => stepped(graph, { ...state, now: state.wakeAt ?? state.now });

/** What central knows after its death. */
const forget = (state: State): State => ({
  ...state,
  heard: new Set(),
  believed: state.believed.map(() => 'unknown'),
});

function turnings(graph: Graph, before: State): Move[] {
  const state = { ...before, turns: before.turns - 1 };
  const goal = state.run.goal === 'up' ? 'down' : 'up';
  const turn = (isSent: boolean, part: readonly string[] = []): State =>
    stepped(graph, { ...state, run: redirect(graph, state.run, goal, part, state.now) }, isSent);
  return [
    [`turned ${goal}`, () => turn(true)],
    ...(state.troubles > 0
      ? [[`turned ${goal}, and central dies`, () => stepped(graph, forget({ ...turn(false), troubles: 0 }))] as const]
      : []),
    ...(graph.nodes.length > 1
      ? graph.nodes.map(({ name }): Move => [`${name} turned ${goal}`, () => turn(true, [name])])
      : []),
  ];
}

function mishaps(graph: Graph, before: State): Move[] {
  const state = { ...before, troubles: before.troubles - 1 };
  return [
    ['central dies', () => stepped(graph, forget(state))],
    ...(state.wakeAt === undefined ? [] : [['time', () => later(graph, state)] as const]),
    ...state.flight.map((action, at): Move => [`${action.operation.id} is lost`, () => without(state, at)]),
    ...state.flight.map(
      (action, at): Move => [
        `${action.operation.id} is refused`,
        () => acted(graph, without(state, at), action, false),
      ],
    ),
    ...state.isUp.flatMap((isUp, at): Move[] =>
      isUp ? [[`${graph.nodes[at]?.name} dies`, () => died(state, at)]] : [],
    ),
  ];
}

const died = (state: State, at: number): State => ({
  ...state,
  isUp: state.isUp.with(at, false),
  isDead: state.isDead.with(at, true),
});

/** What a run that is at rest calls ready is up, and what it calls stopped is down; nothing that was on its way changed that. */
function isTrue(graph: Graph, { run, isUp, isDead }: State): void {
  for (const [at, { phase, name }] of run.nodes.entries()) {
    if (graph.nodes[at]?.spec.kind === 'group') continue;
    if (phase === 'ready') assert.ok(isUp[at] || isDead[at], `${name} is up as the run says`);
    if (phase === 'stopped') assert.ok(!isUp[at], `${name} is down as the run says`);
  }
}

/** What tells states apart: all of it, but for when phases began. */
function keyOf({
  run,
  now,
  isUp,
  isDead,
  believed,
  flight,
  journal,
  superseded,
  heard,
  troubles,
  turns,
}: State): string {
  const nodes = run.nodes.map(
    ({ want, phase, attempt, tries, mine, seen, coming, bounce, losses, operation, due, clearAt, note }: NodeRun) =>
      `${want}${phase}${attempt}.${tries}${+mine}${+seen}${coming ? 'c' : ''}${bounce ? 'b' : ''}${losses?.length ?? ''}` +
      `${operation ? `${operation.id}${operation.beats ? '!' : ''}` : ''}@${due}@${clearAt}${note ? 'n' : ''}`,
  );
  const sent = flight.map(({ operation }) => operation.id).sort();
  const ids = [...journal].map(([id, isOk]) => `${id}${isOk ? '+' : '-'}`).sort();
  const sets = [superseded, heard].map((set) => [...set].sort().join());
  return [
    nodes,
    run.outcome,
    run.goal,
    run.halted,
    run.rollback,
    now,
    isUp,
    isDead,
    believed,
    sent,
    ids,
    sets,
    troubles,
    turns,
  ].join('|');
}

const told = ({ run, isUp, believed, flight, now }: State): string =>
  JSON.stringify({ nodes: run.nodes, outcome: run.outcome, isUp, believed, flight, now });
