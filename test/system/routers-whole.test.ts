import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'mocha';
import type { Run } from '#agent/exec/run.ts';
import type { LinuxRouters } from '#agent/networks/linux/router/routers.ts';
import { isThere, tell } from '#agent/services/processes.ts';
import { Failure, type FailureCode } from '#shared/errors.ts';
import type { HostNetwork, HostRouter } from '#shared/model/network.ts';
import { isSceneless, makeScene, type Scene, type Talk } from './routers/scene.ts';
import { makeBridges, NETWORKS, never, pidsOf, processesOf, ROUTER, routersOn } from './routers/site.ts';
import { until } from './support/until.ts';

const failed = (code: FailureCode, pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Failure, String(error));
  assert.equal(error.code, code);
  assert.match(error.message, pattern);
  return true;
};
const SMALL: HostRouter = { ...ROUTER, legs: ROUTER.legs.slice(0, 1), routed: [], hosts: ROUTER.hosts.slice(0, 2) };
const RESIDUE = /^sk5254000000/;

describe('routers on Linux: made whole', function () {
  this.timeout(120_000);
  let scene: Scene;
  let routers: LinuxRouters;
  const make = (router = ROUTER, networks: readonly HostNetwork[] = NETWORKS): Promise<void> =>
    routers.makeRouter(router, networks, never());

  before(async function () {
    if (isSceneless()) return this.skip();
    scene = await makeScene();
    await makeBridges(scene);
    routers = routersOn(scene);
  });
  afterEach(async () => {
    for (const name of (await routers?.readRouters(never())) ?? []) await routers.removeRouter(name, never());
  });
  after(() => scene?.close());

  /** All that a router leaves on a host, but for bridges. */
  async function residue(): Promise<string[]> {
    const links = (JSON.parse(await scene.ip('-j', 'link', 'show')) as { ifname: string }[]).map(
      ({ ifname }) => ifname,
    );
    const spaces = await scene.ip('netns', 'list');
    return [
      ...links.filter((name) => RESIDUE.test(name)),
      ...(spaces === '' ? [] : [spaces]),
      ...(await routers.readRouters(never())),
    ];
  }

  it('is removed with all that it was', async () => {
    await make();
    const all = [...(await processesOf(scene, 'sh')), ...(await processesOf(scene, 'dnsmasq'))];
    assert.equal(all.length, 3, 'two supervisors and dnsmasq');
    assert.deepEqual(await routers.readRouters(never()), ['edge']);
    await routers.removeRouter('edge', never());
    assert.deepEqual(await residue(), []);
    for (const each of all) assert.equal(await isThere(each), false);
    await routers.removeRouter('edge', never());
  });

  it('is left alone where all is right, also by an agent that was started anew', async () => {
    await make();
    const pids = async () => [
      await pidsOf(scene, 'sh'),
      await pidsOf(scene, 'dnsmasq'),
      await pidsOf(scene, 'haproxy'),
    ];
    const before = await pids();
    const commands: string[] = [];
    const counting: Run = (command, signal) => {
      commands.push([command.file, ...command.args].join(' '));
      return scene.run(command, signal);
    };
    await routersOn(scene, counting).makeRouter(ROUTER, NETWORKS, never());
    assert.deepEqual(await pids(), before);
    assert.deepEqual(
      commands.filter((each) => /-batch|setsid|netns (add|delete)/.test(each)),
      [],
    );
    assert.deepEqual(await routers.examineRouter('edge', never()), []);
  });

  it('has its services back when they are killed', async () => {
    await make();
    for (const name of ['dnsmasq', 'haproxy']) {
      const before = await processesOf(scene, name);
      await tell(before[0]!, 'SIGKILL');
      // A worker of haproxy outlives its first process by a moment.
      await until(`${name} again`, async () => {
        const now = await pidsOf(scene, name);
        return now.length === before.length && before.every(({ pid }) => !now.includes(pid)) ? true : undefined;
      });
      await until('nothing wrong', async () =>
        (await routers.examineRouter('edge', never())).length === 0 ? true : undefined,
      );
    }
    const worker = (await processesOf(scene, 'haproxy')).at(-1)!;
    await tell(worker, 'SIGKILL');
    await until('another worker', async () => {
      const now = await pidsOf(scene, 'haproxy');
      return now.length === 2 && !now.includes(worker.pid) ? true : undefined;
    });
  });

  it('says that a supervisor was killed, and mends it without a second service', async () => {
    await make();
    const [dnsmasq] = await pidsOf(scene, 'dnsmasq');
    for (const each of await processesOf(scene, 'sh')) await tell(each, 'SIGKILL');
    await until('both found', async () => {
      const found = await routers.examineRouter('edge', never());
      return found.length === 2
        ? (assert.match(found.join(), /dnsmasq runs, and nothing.*haproxy runs, and nothing/) ?? true)
        : undefined;
    });
    await make();
    assert.deepEqual(await routers.examineRouter('edge', never()), []);
    const now = await pidsOf(scene, 'dnsmasq');
    assert.equal(now.length, 1);
    assert.notEqual(now[0], dnsmasq);
    assert.equal((await processesOf(scene, 'sh')).length, 2);
  });

  it('is mended where somebody broke it', async () => {
    const breaks: [string, string[], RegExp][] = [
      ['a leg', ['link', 'delete', 'dev', 'sk525400000002'], /legs/],
      ['the way of a leg to its bridge', ['link', 'set', 'dev', 'sk525400000003', 'nomaster'], /legs/],
      ['an address', ['-n', 'sk-edge', 'addr', 'flush', 'dev', 'grid'], /legs/],
      ['a route', ['-n', 'sk-edge', 'route', 'del', 'default'], /legs/],
      ['the rules', ['netns', 'exec', 'sk-edge', 'nft', 'flush', 'chain', 'inet', 'skerry', 'through_router'], /rules/],
      ['all', ['netns', 'delete', 'sk-edge'], /namespace/],
    ];
    await make();
    for (const [what, how, said] of breaks) {
      await scene.ip(...how);
      assert.match((await routers.examineRouter('edge', never())).join(), said, what);
      await make();
      assert.deepEqual(await routers.examineRouter('edge', never()), [], what);
    }
    assert.equal((await processesOf(scene, 'sh')).length, 2);
  });

  it('changes its legs', async () => {
    await make();
    const [out, grid] = [ROUTER.outside!, ROUTER.legs[0]!];
    const other: HostRouter = {
      ...SMALL,
      outside: { ...out, addresses: ['203.0.113.3/24'], gateways: ['203.0.113.11'] },
      legs: [{ ...grid, mac: '52:54:00:00:00:09', addresses: ['10.99.0.2/16'] }],
    };
    await make(
      other,
      NETWORKS.map((each) => ({ ...each, mtu: 1400 })),
    );
    assert.deepEqual(await routers.examineRouter('edge', never()), []);
    const links = JSON.parse(await scene.ip('-n', 'sk-edge', '-j', 'addr', 'show')) as {
      ifname: string;
      mtu: number;
      address: string;
    }[];
    assert.deepEqual(links.map(({ ifname }) => ifname).toSorted(), ['grid', 'lo', 'out']);
    assert.deepEqual(
      links.filter(({ ifname }) => ifname !== 'lo').map(({ mtu }) => mtu),
      [1400, 1400],
    );
    assert.equal(links.find(({ ifname }) => ifname === 'grid')!.address, '52:54:00:00:00:09');
    const routes = JSON.parse(await scene.ip('-n', 'sk-edge', '-j', 'route', 'show', 'default')) as {
      gateway: string;
    }[];
    assert.deepEqual(
      routes.map(({ gateway }) => gateway),
      ['203.0.113.11'],
    );
  });

  it('has its outside leg on a link that is no bridge', async () => {
    await scene.ip('link', 'add', 'name', 'eth7', 'type', 'veth', 'peer', 'name', 'far');
    for (const link of ['eth7', 'far']) await scene.ip('link', 'set', link, 'up');
    await scene.ip('addr', 'add', '203.0.113.10/24', 'dev', 'far');
    await make(
      SMALL,
      NETWORKS.map((each) => (each.name === 'world' ? { ...each, link: 'eth7' } : each)),
    );
    await scene.ip('netns', 'exec', 'sk-edge', 'ping', '-c', '1', '-W', '5', '203.0.113.10');
    assert.deepEqual(await routers.examineRouter('edge', never()), []);
    await routers.removeRouter('edge', never());
    assert.deepEqual(await residue(), []);
    await scene.ip('link', 'delete', 'eth7');
  });

  it('touches nothing that it did not make', async () => {
    await scene.ip('netns', 'add', 'sk-edge');
    await assert.rejects(make(), failed('network-clash', /a network namespace sk-edge on host1/));
    await routers.removeRouter('edge', never());
    assert.equal(await scene.ip('netns', 'list'), 'sk-edge');
    await scene.ip('netns', 'delete', 'sk-edge');

    await scene.ip('link', 'add', 'name', 'sk525400000002', 'type', 'bridge');
    await assert.rejects(make(), failed('network-clash', /a link sk525400000002/));
    assert.deepEqual(await residue(), ['sk525400000002'], 'what was made was taken away');
    await scene.ip('link', 'delete', 'sk525400000002');
    await assert.rejects(make(ROUTER, NETWORKS.slice(1)), failed('network-host', /a leg on world/));
    await assert.rejects(
      make(
        ROUTER,
        NETWORKS.map((each) => (each.name === 'world' ? { ...each, link: 'eth9' } : each)),
      ),
      failed('network-missing', /no link eth9 on host1/),
    );
    assert.deepEqual(await residue(), []);
    await assert.rejects(routers.removeRouter('../etc', never()));
  });

  it('says why a service does not come up, and leaves nothing of it', async () => {
    let other: Talk | undefined;
    const disturbed: Run = async (command, signal) => {
      if (command.args.includes('setsid') && command.args.includes('dnsmasq')) {
        other = await scene.start('sk-edge', 'take', '67');
        await other.next();
      }
      return scene.run(command, signal);
    };
    await assert.rejects(
      routersOn(scene, disturbed, 4_000).makeRouter(SMALL, NETWORKS, never()),
      failed('network-host', /dnsmasq does not come up: .*Address already in use/s),
    );
    await other?.end();
    assert.deepEqual(await residue(), []);
  });

  describe('cut off at any command', () => {
    /** Commands that only look, at which nothing can be half done; all are counted with SKERRY_ROUTER_CUTS=all. */
    const isLook = (args: readonly string[]): boolean =>
      process.env.SKERRY_ROUTER_CUTS !== 'all' && args.some((word) => ['-j', 'pids', 'list'].includes(word));

    /** Does as a run, up to the n-th command: that one fails, or is the last that is done. */
    function cutRun(at: number, how: 'fails' | 'dies'): { run: Run; commands: number } {
      const cut = {
        commands: 0,
        run: (async (command, signal) => {
          if (!isLook(command.args)) cut.commands += 1;
          const isCut = how === 'dies' ? cut.commands > at : cut.commands === at && !isLook(command.args);
          if (isCut) throw new Failure('host-command', { problem: 'cut off' });
          return scene.run(command, signal);
        }) as Run,
      };
      return cut;
    }

    let total = 0;
    before(async () => {
      const whole = cutRun(10_000, 'dies');
      await routersOn(scene, whole.run).makeRouter(SMALL, NETWORKS, never());
      total = whole.commands;
      assert.ok(total >= 8, `${total} commands`);
      await routers.removeRouter('edge', never());
    });

    it('is as before where a command fails', async () => {
      for (let n = 1; n <= total; n += 1) {
        const cut = routersOn(scene, cutRun(n, 'fails').run);
        await assert.rejects(
          cut.makeRouter(SMALL, NETWORKS, never()),
          failed('host-command', /cut off/),
          `command ${n}`,
        );
        assert.deepEqual(await residue(), [], `command ${n}`);
      }
    });

    it('is made whole by the next one, or removed, where the agent dies after it', async () => {
      for (let n = 1; n < total; n += 1) {
        const cut = routersOn(scene, cutRun(n, 'dies').run);
        await cut.makeRouter(SMALL, NETWORKS, never()).catch(() => {});
        if (n % 2 === 0) {
          await make(SMALL);
          assert.deepEqual(await routers.examineRouter('edge', never()), [], `command ${n}`);
          assert.equal((await processesOf(scene, 'dnsmasq')).length, 1, `command ${n}`);
        }
        for (const name of await routers.readRouters(never())) await routers.removeRouter(name, never());
        assert.deepEqual(await residue(), [], `command ${n}`);
      }
    });

    it('is removed by the next one, or whole again, where its removal is cut off', async () => {
      // Services are ended between two looks, so that the first cut at each kind of command counts too.
      const isNew = new Set<string>();
      const cutAt = async (n: number): Promise<string> => {
        let commands = 0;
        let last = '';
        const dying: Run = (command, signal) => {
          commands += 1;
          if (commands > n) throw new Failure('host-command', { problem: 'cut off' });
          last = [command.file, ...command.args].join(' ');
          return scene.run(command, signal);
        };
        const end = routersOn(scene, dying).removeRouter('edge', never());
        return await end.then(
          () => 'whole',
          () => last,
        );
      };
      let isWhole = false;
      for (let n = 0; !isWhole; n += 1) {
        if ((await routers.readRouters(never())).length === 0) await make(SMALL);
        const last = await cutAt(n);
        isWhole = last === 'whole';
        // What was looked at in between is the same again.
        if (isNew.has(last) && !isWhole) continue;
        isNew.add(last);
        if (isWhole || n % 2 === 1) {
          await routers.removeRouter('edge', never());
          assert.deepEqual(await residue(), [], `after command ${n}: ${last}`);
        } else {
          await make(SMALL);
          assert.deepEqual(await routers.examineRouter('edge', never()), [], `after command ${n}: ${last}`);
          assert.equal((await processesOf(scene, 'dnsmasq')).length, 1, `after command ${n}: ${last}`);
        }
      }
      assert.ok(isNew.size >= 5, [...isNew].join('\n'));
    });
  });
});
