import assert from 'node:assert/strict';
import type { Graph } from '#shared/chain/compile.ts';
import { cancel, hold, redirect } from '#shared/chain/orders.ts';
import { isSettled, type Run } from '#shared/chain/run.ts';
import { graphOf } from '#test/unit/support/chains/notation.ts';
import { Central } from './central.ts';
import { type Random, randomOf } from './random.ts';
import { randomChain } from './random-chain.ts';
import { type Mishaps, Site } from './site.ts';
import { type Timeline, timeline } from './timeline.ts';

const FAULTS_MS = 90_000;
/** Long enough for every pause, time limit and late message. */
const SETTLE_MS = 40 * 60_000;
const DRAIN_MS = 150_000;

interface World {
  graph: Graph;
  time: Timeline;
  random: Random;
  mishaps: Mishaps;
  site: Site;
  central: Central;
}

/**
 * One run in a world with faults. For a minute and a half everything may break; then all is mended, and what was asked for
 * has to end; then a last order, all up or all down, has to end well, and to be so in truth, when no message is under way.
 *
 * @returns how many steps it took
 * @throws when an invariant does not hold, with the chain in words
 */
export function simulate(seed: number): number {
  const random = randomOf(seed);
  const lines = randomChain(random);
  try {
    const world = worldOf(random, lines);
    breakThings(world);
    mend(world);
    endsWell(world);
    return world.central.steps;
  } catch (error) {
    const problem = error instanceof Error ? (error.stack ?? error.message) : String(error);
    throw new Error(`seed ${seed}\n${lines.join('\n')}\n${problem}`);
  }
}

function worldOf(random: Random, lines: readonly string[]): World {
  const graph = graphOf(...lines);
  const time = timeline();
  const bad = random.of([0, 1, 1, 3]);
  const mishaps = { lost: 0.05 * bad, twice: 0.1 * bad, slow: 0.05 * bad, refused: 0.1 * bad, sick: 0.05 * bad };
  const central = new Central(graph, time, random);
  central.deadly = 0.04 * bad;
  const names = graph.nodes.filter(({ spec }) => spec.kind !== 'group').map(({ name }) => name);
  const site = new Site(time, random, mishaps, names, random.between(1, 3), (told) => central.hear(told));
  for (const { name, spec } of graph.nodes)
    if (spec.kind === 'check' || (spec.kind !== 'group' && random.chance(0.15))) site.set(name, true);
  central.attach(site);
  time.in(0, () => {
    for (const host of site.hosts) site.report(host);
    central.step();
  });
  return { graph, time, random, mishaps, site, central };
}

function breakThings(world: World): void {
  const { time, random } = world;
  const count = random.of([0, 2, 5, 10]);
  for (let n = 0; n < count; n++) time.in(random.between(0, FAULTS_MS), () => random.of(FAULTS)(world));
  time.runUntil(FAULTS_MS);
}

type Fault = (world: World) => void;

const nameOf = ({ graph, random }: World): string =>
  random.of(
    graph.nodes
      .filter(({ spec }) => spec.kind !== 'group' && spec.kind !== 'check')
      .map(({ name }) => name)
      .concat(''),
  ) ||
  (graph.nodes[0]?.name ?? '');

const guestTo =
  (isUp: boolean): Fault =>
  (world) => {
    const name = nameOf(world);
    const node = world.graph.nodes[world.graph.places.get(name) ?? -1];
    if (node && node.spec.kind !== 'check' && node.spec.kind !== 'group') world.site.set(name, isUp);
  };

const cutLink: Fault = ({ site, random, time, central }) => {
  const host = random.of(site.hosts);
  site.cutLink(host);
  time.in(random.between(0, 5_000), () => !host.hasLink && central.lose(host.at));
  time.in(random.between(1_000, 60_000), () => {
    if (host.hasLink) return;
    host.hasLink = true;
    site.report(host);
    central.resendTo(host.at);
  });
};

const cutPower: Fault = ({ site, random, time, central }) => {
  const host = random.of(site.hosts);
  site.cutPower(host);
  time.in(random.between(0, 5_000), () => !host.isOn && central.lose(host.at));
  time.in(random.between(6_000, 60_000), () => {
    site.mend(host);
    central.resendTo(host.at);
  });
};

const killAgent: Fault = ({ site, random, time, central }) => {
  const host = random.of(site.hosts);
  site.killAgent(host);
  site.cutLink(host);
  time.in(0, () => central.lose(host.at));
  time.in(random.between(100, 20_000), () => {
    if (!host.isOn) return;
    site.mend(host);
    central.resendTo(host.at);
  });
};

const killCentral: Fault = ({ central, random, time }) => {
  central.die();
  time.in(random.between(100, 30_000), () => central.live());
};

const killServer: Fault = (world) => {
  const { site, random, time, central } = world;
  for (const host of site.hosts) {
    site.cutLink(host);
    central.lose(host.at);
  }
  time.in(random.between(500, 20_000), () => {
    for (const host of site.hosts) {
      if (!host.isOn || !host.hasAgent) continue;
      host.hasLink = true;
      site.report(host);
      central.resendTo(host.at);
    }
  });
};

const stepClock: Fault = ({ central, random }) => {
  central.skewMs += random.of([-1, 1]) * random.of([500, 10_000, 3_600_000]);
};

const order: Fault = (world) => {
  const { central, random, graph } = world;
  const part = random.chance(0.5) ? [] : [random.of(graph.nodes).name];
  const goal = random.of(['up', 'down'] as const);
  central.order((run, now) =>
    random.of([
      () => redirect(graph, run, goal, part, now),
      () => redirect(graph, run, goal, part, now),
      () => hold(graph, run, part, random.chance(0.5)),
      () => cancel(run, now),
    ])(),
  );
};

const FAULTS: readonly Fault[] = [
  guestTo(false),
  guestTo(false),
  guestTo(true),
  cutLink,
  cutPower,
  killAgent,
  killCentral,
  killServer,
  stepClock,
  order,
  order,
  order,
];

/** All is well from here on; what was asked for ends. */
function mend({ mishaps, site, central, graph, time }: World): void {
  Object.assign(mishaps, { lost: 0, twice: 0, slow: 0, refused: 0, sick: 0 });
  central.deadly = 0;
  for (const host of site.hosts) site.mend(host);
  for (const { name, spec } of graph.nodes) if (spec.kind === 'check') site.set(name, true);
  site.cure();
  central.live();
  central.order((run) => hold(graph, run, [], false));
  time.runUntil(time.now + SETTLE_MS, () => central.stored.outcome !== undefined);
  assert.ok(central.stored.outcome, `it did not end: ${told(central.stored)}`);
  time.runUntil(time.now + DRAIN_MS);
}

function endsWell(world: World): void {
  const { central, graph, time, random } = world;
  const goal = random.of(['up', 'down'] as const);
  central.order((run, now) => redirect(graph, run, goal, [], now));
  time.runUntil(time.now + SETTLE_MS, () => central.stored.outcome !== undefined);
  assert.equal(central.stored.outcome, 'done', `it did not end well: ${told(central.stored)}`);
  time.runUntil(time.now + DRAIN_MS);
  isTrue(world, goal);
  const kept = graph.nodes.filter(({ spec }) => spec.keep && spec.kind !== 'check' && spec.kind !== 'group');
  if (goal === 'down' || kept.length === 0) return;
  assert.ok(central.stored.watching, 'it watches what it keeps');
  world.site.set(random.of(kept).name, false);
  time.runUntil(time.now + DRAIN_MS);
  isTrue(world, goal);
}

/** What the run says is what is so. */
function isTrue({ central, graph, site }: World, goal: 'up' | 'down'): void {
  assert.ok(central.stored.nodes.every(isSettled), `it rests: ${told(central.stored)}`);
  for (const { name, spec } of graph.nodes)
    if (spec.kind !== 'group' && spec.kind !== 'check')
      assert.equal(site.guests.get(name)?.isUp, goal === 'up', `${name} is ${goal}: ${told(central.stored)}`);
  for (const [id, times] of site.effects) assert.equal(times, 1, `${id} had one effect`);
}

const told = (run: Run): string =>
  JSON.stringify(run.nodes.map(({ name, want, phase, note }) => `${name} ${want} ${phase}${note ? `: ${note}` : ''}`));
