import assert from 'node:assert/strict';
import fc from 'fast-check';
import { createNetwork } from '#central/networks/network-changes.ts';
import { createRouter } from '#central/networks/router-changes.ts';
import { requireMovable, type Start, startRouter, wantRouter } from '#central/networks/router-moves.ts';
import type { NetworkState, SiteRouter } from '#central/networks/state.ts';
import { Failure } from '#shared/errors.ts';
import { callOf, isFailure, PLAN, type Scene, sceneOf, settled } from './scene.ts';

const made = { by: 'ann@skerry.test', at: '2026-01-01T00:00:00Z' };
const HOSTS = ['host1', 'host2', 'host3'];
const network = { level: 0, domain: null, hosts: [], ...made };

const withShop = (before: NetworkState): NetworkState => {
  const wan = { ...network, name: 'wan', kind: 'outside', subnets: [], mtu: 1500, link: 'eth0' } as const;
  const shop = { ...network, name: 'shop', kind: 'nat', subnets: ['10.21.0.0/24'], mtu: 1450, link: null } as const;
  const router = {
    ...{ name: 'shop', public: ['192.0.2.10/24'], gateway: [], outside: undefined, network: [], host: 'host1' },
    ...{ dns: [], pool: [], own: shop, ...made },
  };
  const means = { plan: PLAN, random: () => 0, hosts: HOSTS, realisersOf: () => [] };
  return createRouter(
    createNetwork(before, wan, () => 0),
    router,
    means,
  );
};

/** Three hosts, and a router on the first. */
async function stage() {
  let scene = await sceneOf({ host1: [], host2: [], host3: [] });
  let asked = 0;
  const call = () => callOf(`call ${++asked}`);
  await scene.networks.make(call(), withShop);
  return {
    get scene(): Scene {
      return scene;
    },
    row: (): SiteRouter => scene.networks.state.routers.get('shop') as SiteRouter,
    problems: () => scene.networks.problemsOf('router', 'shop').join('; '),
    /** As the verb does it. */
    start: async (host?: string, isForced = false, operation = call()): Promise<string> => {
      const start: Start = { name: 'shop', host, isForced };
      requireMovable(scene.networks.state, start, (each) => scene.site.findHost(each)?.reach === 'heard');
      const { problems } = await scene.networks.take(operation, (state) => startRouter(state, start, HOSTS));
      return problems.join('; ');
    },
    stop: () => scene.networks.take(call(), (state) => wantRouter(state, 'shop', 'down')),
    lose: (host: string) => scene.site.lose(host, 'it is gone'),
    /** Central dies and begins anew; hosts are heard by it only later. */
    again: async () => {
      scene = await scene.again();
    },
    /** Hosts that have it, by what they have done last. */
    having: () => HOSTS.filter((host) => scene.hosts[host]?.taken.at(-1)?.routers.length === 1),
  };
}
type Stage = Awaited<ReturnType<typeof stage>>;

const gone = new Failure('no-answer', { to: 'host', timeoutS: 60 });

describe('a router that moves', () => {
  let at: Stage;
  beforeEach(async () => {
    at = await stage();
  });
  afterEach(() => at.scene.networks.stop());

  it('goes to the other host with all that it has, and is there when that is answered', async () => {
    const before = at.row();
    assert.equal(await at.start('host2'), '');
    assert.deepEqual(at.row(), { ...before, host: 'host2', heldBy: 'host2' });
    assert.deepEqual(at.having(), ['host2']);
    assert.equal(at.problems(), '');
  });

  it('comes to the other only when its host has let go of it', async () => {
    const order: string[] = [];
    for (const [name, host] of Object.entries(at.scene.hosts)) {
      const { push } = host.taken;
      host.taken.push = (document) => {
        order.push(`${name} ${document.routers.length}`);
        return push.call(host.taken, document);
      };
    }
    await at.start('host2');
    // host2 is told of its network when the router comes, and host1 that it has a neighbour.
    assert.deepEqual(order.slice(0, 2), ['host1 0', 'host2 1']);
  });

  it('is refused while its host is not heard, but where that is asked for', async () => {
    at.lose('host1');
    const sent = at.scene.hosts.host2?.taken.length;
    await assert.rejects(at.start('host2'), isFailure('router-held', /host1.*router start shop host=host2 force=yes/));
    assert.equal(at.scene.hosts.host2?.taken.length, sent);
    assert.equal(await at.start('host2', true), 'host1: it is not heard; it will do its part when it is back');
    assert.deepEqual(at.having(), ['host1', 'host2']);
    await at.scene.heard('host1', 2);
    await settled();
    assert.deepEqual(at.having(), ['host2']);
  });

  it('is refused when the other host is not heard, and stays where it is', async () => {
    at.lose('host2');
    await assert.rejects(at.start('host2'), isFailure('host-unreachable', /host2.*shop stays on host1/));
    assert.deepEqual(at.having(), ['host1']);
  });

  it('is refused on a host that is not there', async () => {
    await assert.rejects(at.start('host9', true), isFailure('host-not-found', /host9/));
  });

  it('waits for a host that is lost on the way, says so, and goes on when that is back', async () => {
    const host1 = at.scene.hosts.host1 as Scene['hosts'][string];
    host1.failure = gone;
    await at.start('host2');
    at.lose('host1');
    await settled();
    assert.deepEqual(at.having(), ['host1']);
    assert.match(at.problems(), /host1 has not said yet that it let go of it.*host=host2 force=yes/);
    host1.failure = undefined;
    await at.scene.heard('host1', 2);
    await settled();
    assert.deepEqual(at.having(), ['host2']);
    assert.equal(at.problems(), '');
  });

  it('goes on where it was when central is killed on the way', async () => {
    const host1 = at.scene.hosts.host1 as Scene['hosts'][string];
    host1.lateFailure = gone;
    await at.start('host2');
    host1.lateFailure = undefined;
    await at.again();
    assert.deepEqual(at.having(), []);
    await at.scene.heard('host1', 2);
    await settled();
    assert.deepEqual(at.having(), ['host2']);
  });

  it('goes back at once where it was not let go of', async () => {
    const host1 = at.scene.hosts.host1 as Scene['hosts'][string];
    host1.failure = gone;
    await at.start('host2');
    host1.failure = undefined;
    await at.start('host1');
    await settled();
    assert.deepEqual(at.having(), ['host1']);
    assert.equal(at.row().heldBy, 'host1');
  });

  it('goes on at once when the agent that has it dies before it answers, and is there again', async () => {
    const host1 = at.scene.hosts.host1 as Scene['hosts'][string];
    host1.isSilent = true;
    const asked = at.start('host2');
    await settled();
    assert.deepEqual(at.having(), ['host1']);
    host1.isSilent = false;
    await at.scene.heard('host1', 2);
    assert.equal(await asked, '');
    assert.deepEqual(at.having(), ['host2']);
  });

  it('does not count what a host said before it was sent something that may have reached it', async () => {
    const host1 = at.scene.hosts.host1 as Scene['hosts'][string];
    await at.start('host2');
    await at.scene.heard('host1');
    host1.lateFailure = gone;
    await at.start('host1');
    assert.deepEqual(at.having(), ['host1'], 'though central was not told');
    host1.failure = gone;
    await at.start('host2');
    await settled();
    assert.equal(at.row().heldBy, 'host1');
    assert.deepEqual(at.having(), ['host1']);
  });

  it('stays on a host that could not take it away', async () => {
    const host1 = at.scene.hosts.host1 as Scene['hosts'][string];
    host1.troubles = ({ routers }) => (routers.length === 0 ? [{ what: 'router', name: 'shop', problem: 'busy' }] : []);
    await at.start('host2');
    assert.equal(at.row().heldBy, 'host1');
    assert.notDeepEqual(at.having(), ['host2']);
    host1.troubles = () => [{ what: 'host', name: 'networks', problem: 'cannot be read' }];
    at.scene.clock.advance(10_000);
    await settled();
    assert.equal(at.row().heldBy, 'host1', 'nor where it cannot see what it has');
    host1.troubles = () => [];
    at.scene.clock.advance(10_000);
    await settled();
    assert.deepEqual(at.having(), ['host2']);
  });

  it('that was stopped may start elsewhere, also when its host was lost since', async () => {
    await at.stop();
    assert.equal(at.row().heldBy, null);
    at.lose('host1');
    assert.equal(await at.start('host2'), '');
    assert.deepEqual(at.having(), ['host2']);
  });
});

type Step = (at: Stage) => unknown;
const step = (name: string, work: Step): readonly [string, Step] => [name, work];
const host = fc.constantFrom(...HOSTS);
const hear = (name: string, later: number) => (at: Stage) =>
  at.scene.heard(name, at.scene.site.host(name).known.epoch + later);
const steps = fc.oneof(
  { weight: 4, arbitrary: host.map((each) => step(`start ${each}`, (at) => at.start(each))) },
  fc.constant(step('start', (at) => at.start())),
  fc.constant(step('stop', (at) => at.stop())),
  host.map((each) => step(`lose ${each}`, (at) => at.lose(each))),
  host.map((each) => step(`hear ${each}`, hear(each, 0))),
  host.map((each) => step(`hear ${each} anew`, hear(each, 1))),
  fc.tuple(host, fc.constantFrom('failure', 'lateFailure', 'none')).map(([each, how]) =>
    step(`${how} of ${each}`, (at) => {
      const fake = at.scene.hosts[each] as Scene['hosts'][string];
      fake.failure = how === 'failure' ? gone : undefined;
      fake.lateFailure = how === 'lateFailure' ? gone : undefined;
    }),
  ),
  fc.constant(step('central again', (at) => at.again())),
  fc.constant(step('time', (at) => at.scene.clock.advance(10_000))),
);

describe('a router that moves, whatever happens', function () {
  this.timeout(60_000);

  it('is never on two hosts unless that is asked for, and comes to rest where it is wanted', async () => {
    const run = fc.asyncProperty(
      fc.array(fc.tuple(steps, fc.boolean()), { maxLength: 30 }),
      async (all: readonly (readonly [readonly [string, Step], boolean])[]) => {
        const at = await stage();
        const each = async (step: Step, isAwaited: boolean): Promise<void> => {
          const work = Promise.resolve(step(at)).catch((error: unknown) => assert.ok(error instanceof Failure));
          if (isAwaited) await settled();
          else void work;
          assert.ok(at.having().length <= 1, `on ${at.having().join(' and ')}`);
        };
        try {
          for (const [[, step], isAwaited] of all) await each(async (on) => step(on), isAwaited);
          await settled();
          for (const fake of Object.values(at.scene.hosts))
            Object.assign(fake, { failure: undefined, lateFailure: undefined });
          for (const name of HOSTS) await at.scene.heard(name, at.scene.site.host(name).known.epoch + 1);
          for (let n = 0; n < 3; n++) {
            at.scene.clock.advance(10_000);
            await settled();
            assert.ok(at.having().length <= 1);
          }
          const { host: wantedAt, wanted, heldBy } = at.row();
          assert.deepEqual(at.having(), wanted === 'up' ? [wantedAt] : []);
          assert.equal(heldBy, wanted === 'up' ? wantedAt : null);
        } finally {
          at.scene.networks.stop();
        }
      },
    );
    await fc.assert(run, { numRuns: 300 });
  });
});
