import assert from 'node:assert/strict';
import fc from 'fast-check';
import { compile, type Graph } from '#shared/chain/compile.ts';
import { begin } from '#shared/chain/orders.ts';
import { type Asked, type Past, type Plan, plan } from '#shared/chain/plan.ts';
import type { Fact } from '#shared/chain/run.ts';
import { Failure } from '#shared/errors.ts';
import { Chain } from '#shared/model/chain.ts';
import { chainOf, type NodeInput, someChain } from '#test/unit/support/chains.ts';
import { virtualRun } from '#test/unit/support/virtual-run.ts';

const NOW = 1_000_000;
const DOWN: Fact = { state: 'down' };
const UP: Fact = { state: 'up' };

const factsOf = (graph: Graph, states: Readonly<Record<string, Fact>> = {}, otherwise: Fact = DOWN) =>
  new Map(graph.nodes.map(({ name }) => [name, states[name] ?? otherwise]));
const pastOf = (times: Readonly<Record<string, number>>): Map<string, Past> =>
  new Map(Object.entries(times).map(([name, ms]) => [name, { startMs: ms, stopMs: ms }]));

function planned(
  nodes: Record<string, NodeInput>,
  asked: Partial<Asked> & { states?: Record<string, Fact> } = {},
): Plan {
  const graph = compile(chainOf(nodes));
  const facts = factsOf(graph, asked.states);
  return plan(graph, { goal: 'up', part: [], facts, history: new Map(), others: [], now: NOW, ...asked });
}

const GRID: Record<string, NodeInput> = {
  venti: { host: 'host1', ready: 'tcp!10.99.0.12!17034' },
  fossil: { host: 'host1', after: ['venti'] },
  cpu1: { host: 'host2', after: ['fossil'] },
  cpu2: { host: 'host2', after: ['fossil'] },
};
const TIMES = pastOf({ venti: 10_000, fossil: 20_000, cpu1: 5_000, cpu2: 7_000 });

describe('the plan of a chain', () => {
  it('has waves, the critical path, and the time that it will take', () => {
    const { waves, critical, expectedMs, unknown } = planned(GRID, { history: TIMES });
    assert.deepEqual(waves, [['venti'], ['fossil'], ['cpu1', 'cpu2']]);
    assert.deepEqual(critical, { path: ['venti', 'fossil', 'cpu2'], ms: 37_000 });
    assert.equal(expectedMs, 37_000);
    assert.deepEqual(unknown, []);
  });

  it('says of which nodes it does not know how long they take, and has a path all the same', () => {
    const { critical, expectedMs, unknown } = planned(GRID, { history: pastOf({ venti: 10_000 }) });
    assert.deepEqual(unknown, ['fossil', 'cpu1', 'cpu2']);
    assert.equal(expectedMs, 10_000);
    assert.deepEqual(critical.path, ['venti', 'fossil', 'cpu1']);
  });

  it('takes the way through most nodes where it does not know how long any takes', () => {
    const nodes = { a: {}, b: { after: ['a'] }, c: { after: ['a', 'b'] }, d: { after: ['c', 'a'] } };
    assert.deepEqual(planned(nodes).critical.path, ['a', 'b', 'c', 'd']);
  });

  it('goes the other way for a stop', () => {
    const { waves, critical, expectedMs } = planned(GRID, {
      goal: 'down',
      history: TIMES,
      states: { venti: UP, fossil: UP, cpu1: UP, cpu2: UP },
    });
    assert.deepEqual(waves, [['cpu2', 'cpu1'], ['fossil'], ['venti']]);
    assert.deepEqual(critical.path, ['cpu2', 'fossil', 'venti']);
    assert.equal(expectedMs, 37_000);
  });

  it('takes along what a part needs, and for a stop what needs it', () => {
    assert.deepEqual(planned(GRID, { part: ['fossil'] }).waves, [['venti'], ['fossil']]);
    const states = { venti: UP, fossil: UP, cpu1: UP, cpu2: UP };
    assert.deepEqual(planned(GRID, { goal: 'down', part: ['fossil'], states }).waves, [['cpu2', 'cpu1'], ['fossil']]);
    assert.throws(
      () => planned(GRID, { part: ['fosil'] }),
      (error) => error instanceof Failure && error.code === 'chain-node-unknown' && /fossil/.test(error.message),
    );
  });

  it('adopts what is up, and leaves what is down', () => {
    const up = planned(GRID, { states: { venti: UP, fossil: UP, cpu1: UP }, history: TIMES });
    assert.deepEqual([up.adopted, up.waves, up.expectedMs], [['venti', 'fossil', 'cpu1'], [['cpu2']], 7_000]);
    const down = planned(GRID, { goal: 'down', states: { venti: UP }, history: TIMES });
    assert.deepEqual(
      [down.adopted, down.waves, down.critical.path],
      [['cpu2', 'cpu1', 'fossil'], [['venti']], ['venti']],
    );
  });

  it('has nothing to do when all is as it should be', () => {
    const { waves, critical, expectedMs } = planned(GRID, { states: { venti: UP, fossil: UP, cpu1: UP, cpu2: UP } });
    assert.deepEqual([waves, critical, expectedMs], [[], { path: [], ms: 0 }, 0]);
  });

  it('says what is held, and what waits for a host that nothing is known of', () => {
    const nodes = { ...GRID, fossil: { ...GRID.fossil, hold: true } };
    assert.deepEqual(planned(nodes).held, ['fossil']);
    assert.deepEqual(planned(nodes, { states: { fossil: UP } }).held, []);
    const states = { cpu1: { state: 'unknown' }, cpu2: { state: 'unknown' } } as const;
    assert.deepEqual(planned(GRID, { states }).unheard, [
      { node: 'cpu1', host: 'host2' },
      { node: 'cpu2', host: 'host2' },
    ]);
  });

  it('does not miss a host that it will start itself', () => {
    const nodes: Record<string, NodeInput> = {
      host2: { kind: 'host', power: true },
      cpu1: { host: 'host2', after: ['host2'] },
    };
    assert.deepEqual(planned(nodes, { states: { cpu1: { state: 'unknown' } } }).unheard, []);
  });

  it('says what another run wants the other way round', () => {
    const graph = compile(chainOf(GRID));
    const other = begin(graph, 'run-7', 'down', ['cpu1'], NOW);
    assert.deepEqual(planned(GRID, { others: [other] }).refused, [{ node: 'cpu1', run: 'run-7' }]);
    assert.deepEqual(planned(GRID, { others: [{ ...other, outcome: 'done' }] }).refused, []);
    assert.deepEqual(planned(GRID, { others: [begin(graph, 'run-8', 'up', [], NOW)] }).refused, []);
  });

  it('counts delays, and what is only looked at', () => {
    const nodes: Record<string, NodeInput> = {
      nas: { kind: 'check', ready: 'nas:2049', delay: '2s' },
      venti: { after: ['nas'], delay: '3s' },
    };
    const history = pastOf({ nas: 1_000, venti: 10_000 });
    const { waves, expectedMs } = planned(nodes, { history });
    assert.deepEqual([waves, expectedMs], [[['nas'], ['venti']], 16_000]);
    const probe = { good: 1, from: NOW - 10_000, at: NOW - 1_000 };
    const answering = planned(nodes, { history, states: { nas: { state: 'up', probe } } });
    assert.deepEqual([answering.waves, answering.expectedMs], [[['venti']], 15_000]);
    const stale = { ...probe, at: NOW - 60_000 };
    assert.equal(planned(nodes, { history, states: { nas: { state: 'up', probe: stale } } }).expectedMs, 16_000);
  });

  it('has a group done with its last member, and what waits for the group after it', () => {
    const { waves, nodes } = planned({
      web: { kind: 'group', members: ['web1', 'web2'], after: ['db'] },
      web1: {},
      web2: {},
      db: {},
      proxy: { after: ['web'] },
    });
    assert.deepEqual(waves, [['db'], ['web1', 'web2'], ['proxy']]);
    assert.deepEqual(nodes.find(({ name }) => name === 'web')?.wave, 2);
  });

  it('counts the bounds of groups, and of groups in groups', () => {
    const four = Object.fromEntries([1, 2, 3, 4].map((n) => [`web${n}`, {}]));
    const members = Object.keys(four);
    const history = pastOf({ web1: 10_000, web2: 10_000, web3: 10_000, web4: 10_000 });
    const within = (atOnce: number, more: Record<string, NodeInput> = {}) =>
      planned({ ...four, web: { kind: 'group', members, 'at-once': atOnce }, ...more }, { history });
    assert.deepEqual(
      [1, 2, 3, 4].map((atOnce) => within(atOnce).expectedMs),
      [40_000, 20_000, 20_000, 10_000],
    );
    assert.equal(within(2).critical.ms, 10_000);
    assert.equal(within(4, { all: { kind: 'group', members: ['web'], 'at-once': 1 } }).expectedMs, 40_000);
  });
});

const times = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 20, maxLength: 20 });
/** A chain whose nodes are ready when they are up or answer once, in time, with none that is held. */
const plain = someChain(14).map((input): Chain => {
  const chain = Chain.parse(input);
  const nodes = Object.entries(chain.nodes).map(([name, node]) => [
    name,
    {
      ...node,
      hold: false,
      timeoutMs: 1e9,
      stop: { ...node.stop, timeoutMs: 1e9 },
      delayMs: Math.min(node.delayMs, 5_000),
      ready: undefined,
    },
  ]);
  return { ...chain, nodes: Object.fromEntries(nodes) };
});

describe('every plan', () => {
  it('has each node in a wave after those of what it waits for, and all that is down in one', () => {
    fc.assert(
      fc.property(
        plain,
        fc.array(fc.nat(), { maxLength: 5 }),
        fc.constantFrom('up' as const, 'down' as const),
        (chain, isUp, goal) => {
          const graph = compile(chain);
          const facts = factsOf(graph, {}, goal === 'up' ? DOWN : UP);
          for (const at of isUp) facts.set(graph.nodes[at % graph.nodes.length]?.name ?? '', goal === 'up' ? UP : DOWN);
          const { nodes, waves } = plan(graph, { goal, part: [], facts, history: new Map(), others: [], now: NOW });
          const waveOf = new Map(nodes.map(({ name, wave }) => [name, wave]));
          for (const node of nodes.filter(({ does }) => does === 'start'))
            for (const { at } of graph.nodes[graph.places.get(node.name) ?? -1]?.after ?? [])
              assert.ok((waveOf.get(graph.nodes[at]?.name ?? '') ?? 0) < node.wave);
          for (const node of nodes.filter(({ does }) => does === 'stop'))
            for (const at of graph.nodes[graph.places.get(node.name) ?? -1]?.before ?? [])
              assert.ok((waveOf.get(graph.nodes[at]?.name ?? '') ?? 0) < node.wave);
          const begun = nodes.filter(({ does }) => does === 'start' || does === 'stop');
          assert.deepEqual(waves.flat().toSorted(), begun.map(({ name }) => name).toSorted());
          assert.ok(waves.every((wave) => wave.length > 0));
        },
      ),
    );
  });

  it('has a critical path that is a path of the graph, and takes the time of all with no bounds', () => {
    fc.assert(
      fc.property(plain, times, (chain, seconds) => {
        const graph = compile(chain);
        const history = new Map(
          graph.nodes.map(({ name }, at) => [name, { startMs: (seconds[at % 20] ?? 0) * 1_000 }]),
        );
        const facts = factsOf(graph);
        const { critical, expectedMs } = plan(graph, { goal: 'up', part: [], facts, history, others: [], now: NOW });
        const places = critical.path.map((name) => graph.places.get(name) ?? -1);
        places.slice(1).forEach((at, before) => {
          assert.ok(graph.nodes[at]?.after.some((edge) => edge.at === places[before]));
        });
        const sum = places.reduce((ms, at) => {
          const node = graph.nodes[at];
          if (node?.spec.kind === 'group') return ms;
          return ms + (node?.spec.delayMs ?? 0) + (history.get(node?.name ?? '')?.startMs ?? 0);
        }, 0);
        assert.equal(critical.ms, sum);
        const free = compile({
          ...chain,
          nodes: Object.fromEntries(
            Object.entries(chain.nodes).map(([name, node]) => [name, { ...node, atOnce: undefined }]),
          ),
        });
        const unbound = plan(free, { goal: 'up', part: [], facts, history, others: [], now: NOW });
        assert.equal(unbound.expectedMs, critical.ms);
        assert.ok(expectedMs >= critical.ms);
      }),
    );
  });

  it('has the engine begin and end each node when it says, within bounds and delays', () => {
    fc.assert(
      fc.property(plain, times, fc.array(fc.nat(), { maxLength: 4 }), (chain, seconds, isUp) => {
        const graph = compile(chain);
        const tookMs = new Map(graph.nodes.map(({ name }, at) => [name, (seconds[at % 20] ?? 0) * 1_000]));
        const facts = factsOf(graph);
        for (const at of isUp) facts.set(graph.nodes[at % graph.nodes.length]?.name ?? '', UP);
        const history = new Map([...tookMs].map(([name, startMs]) => [name, { startMs }]));
        const { nodes, expectedMs } = plan(graph, { goal: 'up', part: [], facts, history, others: [], now: NOW });
        const went = virtualRun(graph, { goal: 'up', facts, tookMs: (name) => tookMs.get(name) ?? 0 });
        assert.equal(went.run.outcome, 'done');
        const begun = nodes.filter(({ does }) => does === 'start');
        assert.deepEqual(
          Object.fromEntries(begun.map(({ name, fromMs, toMs }) => [name, [fromMs, toMs]])),
          Object.fromEntries(begun.map(({ name }) => [name, [went.begunMs.get(name), went.doneMs.get(name)]])),
        );
        assert.equal(expectedMs, went.tookMs);
      }),
      { numRuns: 500 },
    );
  });

  it('has the engine stop each node when it says', () => {
    fc.assert(
      fc.property(plain, times, (chain, seconds) => {
        const graph = compile(chain);
        const tookMs = new Map(graph.nodes.map(({ name }, at) => [name, (seconds[at % 20] ?? 0) * 1_000]));
        const history = new Map([...tookMs].map(([name, stopMs]) => [name, { stopMs }]));
        const facts = factsOf(graph, {}, UP);
        const { nodes, expectedMs } = plan(graph, { goal: 'down', part: [], facts, history, others: [], now: NOW });
        const went = virtualRun(graph, { goal: 'down', tookMs: (name) => tookMs.get(name) ?? 0 });
        assert.equal(went.run.outcome, 'done');
        for (const { name, does, toMs } of nodes) if (does === 'stop') assert.equal(went.doneMs.get(name), toMs);
        assert.equal(expectedMs, went.tookMs);
      }),
    );
  });
});
