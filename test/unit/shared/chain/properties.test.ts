import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Graph } from '#shared/chain/compile.ts';
import { advance } from '#shared/chain/engine.ts';
import { begin, cancel, hold, redirect } from '#shared/chain/orders.ts';
import { type Fact, outstanding, type Run } from '#shared/chain/run.ts';
import { randomOf } from '#test/simulation/chains/random.ts';
import { randomChain } from '#test/simulation/chains/random-chain.ts';
import { checkPure, checkStep } from '#test/unit/support/chains/invariants.ts';
import { graphOf } from '#test/unit/support/chains/notation.ts';

/** One thing that happens. Which node, by a number that is taken round; there is no sense in it, and there need be none. */
type Event =
  | { is: 'state'; node: number; state: Fact['state'] }
  | { is: 'answer'; node: number; ok: boolean }
  | { is: 'probe'; node: number; good: number; ageMs: number }
  | { is: 'time'; ms: number }
  | { is: 'order'; order: 'up' | 'down' | 'hold' | 'release' | 'cancel'; node: number | undefined }
  | { is: 'crash' };

const node = fc.nat(7);
const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      is: fc.constant('state' as const),
      node,
      state: fc.constantFrom('up' as const, 'down' as const, 'unknown' as const),
    }),
  },
  { weight: 5, arbitrary: fc.record({ is: fc.constant('answer' as const), node, ok: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({ is: fc.constant('probe' as const), node, good: fc.nat(3), ageMs: fc.nat(20_000) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ is: fc.constant('time' as const), ms: fc.integer({ min: -30_000, max: 90_000 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      is: fc.constant('order' as const),
      order: fc.constantFrom(
        'up' as const,
        'down' as const,
        'down' as const,
        'hold' as const,
        'release' as const,
        'cancel' as const,
      ),
      node: fc.option(node, { nil: undefined }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ is: 'crash' as const }) },
);

interface Scene {
  graph: Graph;
  run: Run;
  now: number;
  nodes: Map<string, Fact>;
  outcomes: Map<string, { ok: boolean }>;
  /** What was sent, by id. */
  sent: Map<string, string>;
}

const ORDERS = {
  up: ({ graph, run, now }: Scene, part: string[]) => redirect(graph, run, 'up', part, now),
  down: ({ graph, run, now }: Scene, part: string[]) => redirect(graph, run, 'down', part, now),
  hold: ({ graph, run }: Scene, part: string[]) => hold(graph, run, part, true),
  release: ({ graph, run }: Scene, part: string[]) => hold(graph, run, part, false),
  cancel: ({ run, now }: Scene) => cancel(run, now),
};

function happen(scene: Scene, each: Event): void {
  const at = (place: number) => scene.run.nodes[place % scene.run.nodes.length];
  if (each.is === 'time') scene.now = Math.max(0, scene.now + each.ms);
  if (each.is === 'state') scene.nodes.set(at(each.node)?.name ?? '', { state: each.state });
  if (each.is === 'probe') {
    const name = at(each.node)?.name ?? '';
    const heard = scene.now - each.ageMs;
    scene.nodes.set(name, {
      state: scene.nodes.get(name)?.state ?? 'up',
      probe: { good: each.good, from: heard - 4_000, at: heard },
    });
  }
  if (each.is === 'answer') {
    const id = at(each.node)?.operation?.id;
    if (id && !scene.outcomes.has(id)) scene.outcomes.set(id, { ok: each.ok });
  }
  if (each.is === 'order') {
    const name = each.node === undefined ? undefined : at(each.node)?.name;
    scene.run = ORDERS[each.order](scene, name ? [name] : []);
  }
  if (each.is === 'crash') {
    scene.nodes.clear();
    scene.run = JSON.parse(JSON.stringify(scene.run));
  }
}

/** Central steps. What is sent is noted; the same id is never sent for anything else. */
function takeStep(scene: Scene, isPureToo: boolean): void {
  const { graph, run, now } = scene;
  const facts = { nodes: scene.nodes, outcomes: scene.outcomes };
  const step = advance(graph, run, facts, now);
  checkStep(graph, run, facts, now, step);
  if (isPureToo) checkPure(graph, run, facts, now, step);
  scene.run = step.run;
  for (const { node: name, operation } of step.actions) {
    assert.ok(!scene.sent.has(operation.id), `${operation.id} is sent for a second time`);
    scene.sent.set(operation.id, JSON.stringify([name, operation]));
  }
  for (const { node: name, operation } of outstanding(step.run))
    assert.equal(scene.sent.get(operation.id), JSON.stringify([name, operation]), 'what is sent again was sent');
}

function sceneOf(seed: number): Scene {
  const graph = graphOf(...randomChain(randomOf(seed)));
  return { graph, run: begin(graph, 'r', 'up', [], 0), now: 0, nodes: new Map(), outcomes: new Map(), sent: new Map() };
}

/** What is wrong is over: what was asked for is done, and what was not asked for stays; answers come; time goes on. */
function fair(scene: Scene): void {
  scene.run = hold(scene.graph, scene.run, [], false);
  for (let turns = 0; scene.run.outcome === undefined && turns < 2_000; turns++) {
    for (const { name, operation } of scene.run.nodes) {
      const isAsked = operation && !scene.outcomes.has(operation.id);
      if (isAsked) scene.outcomes.set(operation.id, { ok: true });
      const was = scene.nodes.get(name)?.state ?? 'unknown';
      const state = isAsked ? (operation.verb === 'start' ? 'up' : 'down') : was === 'unknown' ? 'down' : was;
      const isCheck = scene.graph.nodes[scene.graph.places.get(name) ?? -1]?.spec.kind === 'check';
      scene.nodes.set(name, {
        state: isCheck ? 'up' : state,
        ...(state === 'up' || isCheck ? { probe: { good: 9, from: scene.now, at: scene.now } } : {}),
      });
    }
    takeStep(scene, false);
    scene.now += 3_000;
  }
}

describe('whatever happens, in whatever order', () => {
  it('the invariants hold after every step, and no operation is sent twice', () => {
    fc.assert(
      fc.property(fc.nat(), fc.array(event, { maxLength: 40 }), (seed, events) => {
        const scene = sceneOf(seed);
        takeStep(scene, true);
        for (const each of events) {
          happen(scene, each);
          takeStep(scene, true);
        }
      }),
      { numRuns: 600 },
    );
  });

  it('a run ends once the world is fair', () => {
    fc.assert(
      fc.property(fc.nat(), fc.array(event, { maxLength: 30 }), (seed, events) => {
        const scene = sceneOf(seed);
        for (const each of events) {
          happen(scene, each);
          takeStep(scene, false);
        }
        fair(scene);
        assert.ok(scene.run.outcome, JSON.stringify(scene.run.nodes));
      }),
      { numRuns: 300 },
    );
  });

  it('what was known at first, and was old news, fails no run', () => {
    const news = fc.tuple(node, fc.constantFrom('up' as const, 'down' as const, 'unknown' as const));
    fc.assert(
      fc.property(fc.nat(), fc.array(news, { maxLength: 30 }), (seed, told) => {
        const scene = sceneOf(seed);
        for (const [place, state] of told) {
          const { mine, operation } = scene.run.nodes[place % scene.run.nodes.length] ?? assert.fail();
          if (!mine && !operation) happen(scene, { is: 'state', node: place, state });
          takeStep(scene, false);
        }
        fair(scene);
        assert.equal(scene.run.outcome, 'done', JSON.stringify(scene.run.nodes));
      }),
      { numRuns: 300 },
    );
  });

  it('a stop is the reverse of a start, where all goes well', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const lines = randomChain(randomOf(seed)).map((line) => line.split(' : ')[0] ?? '');
        const graph = graphOf(...lines);
        const scene: Scene = { ...sceneOf(seed), graph, run: begin(graph, 'r', 'up', [], 0) };
        fair(scene);
        assert.equal(scene.run.outcome, 'done');
        scene.run = redirect(graph, scene.run, 'down', [], scene.now);
        fair(scene);
        assert.equal(scene.run.outcome, 'done');
        const asked = [...scene.sent.values()].map(
          (text) => JSON.parse(text) as [string, { verb: string; sentAt: number }],
        );
        const at = (verb: string): Map<string, number> =>
          new Map(asked.flatMap(([name, operation]) => (operation.verb === verb ? [[name, operation.sentAt]] : [])));
        const [starts, stops] = [at('start'), at('stop')];
        for (const { name, after } of graph.nodes)
          for (const edge of after) {
            const other = graph.nodes[edge.at]?.name ?? '';
            if (!starts.has(name) || !starts.has(other)) continue;
            assert.ok((starts.get(other) ?? 0) < (starts.get(name) ?? 0), `${other} starts before ${name}`);
            assert.ok((stops.get(name) ?? 0) < (stops.get(other) ?? 0), `${name} stops before ${other}`);
          }
      }),
      { numRuns: 300 },
    );
  });
});
