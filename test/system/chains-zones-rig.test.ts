import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { layCloud } from '#cli/rig-cloud.ts';
import { layoutOf } from '#provisioning/rig/layout.ts';
import { CLOUD, withCloud } from '#provisioning/rig/plan-cloud.ts';
import { defineZones } from '#provisioning/rig/zones.ts';
import { buildZoneRoot } from '#provisioning/zones/root.ts';
import { readChain } from '#shared/chain/chain-file.ts';
import { compile, type Graph } from '#shared/chain/compile.ts';
import type { RunRecord } from '#shared/verbs/chain.ts';
import { guestsIn, inOrder, inReverse, type Went, wentOf, withinBounds } from './support/chain-order.ts';
import { type TestRig, testRig } from './support/rig.ts';
import { until } from './support/until.ts';

const ALPINE = new URL('../../provisioning/chains/alpine.yaml', import.meta.url);
/** No zone has a guest agent. The machine waits for all of the zones. */
const alpineOfZones = (
  file: string,
): string => `${file.replace('{ agent: true }', "{ console: 'backup serves on port 873' }")}
  venti: { host: host1, after: [high], ready: { tcp: tcp!10.99.0.12!17034, network: grid, every: 500ms } }
`;
const HOSTS = withCloud(['host1', 'host2'].map((name) => ({ name, address: '', guests: [], zones: [] })));
const NAMES = HOSTS.flatMap(({ guests }) => guests.map(({ name }) => name));
const RUN_MS = 400_000;

// It takes a minute or two. The chain's own test, with twenty emulated machines, is chains-alpine-rig.test.ts.
(process.env.SKERRY_CLOUD === 'zones' ? describe : describe.skip)(
  'the chain alpine with twenty zones of LXC, and a machine behind them',
  function () {
    this.timeout(RUN_MS + 60_000);
    let rig: TestRig;
    let graph: Graph;

    const json = async (...args: string[]) => JSON.parse(await rig.does(...args, '--json'));
    const known = async (): Promise<string[]> =>
      ((await json('guest', 'list', 'driver:lxc')) as { name: string }[]).map(({ name }) => name);
    const running = async (): Promise<string[]> =>
      ((await json('guest', 'list', 'state:running')) as { name: string }[]).map(({ name }) => name).toSorted();
    const ran = async (goal: 'up' | 'down', ...more: string[]): Promise<void> => {
      await rig.does('chain', goal, 'alpine', '--no-wait', ...more);
      const last = await until(
        `the run ${goal} has ended`,
        async () => {
          const [run] = (await json('chain', 'history', 'alpine')) as RunRecord[];
          return run?.goal === goal && run.endedAt !== undefined ? run : undefined;
        },
        RUN_MS,
      );
      assert.equal(last.outcome, 'done', JSON.stringify(last));
    };
    const went = async (verb: string): Promise<Went> =>
      wentOf(
        graph,
        await json('audit', 'list', `verb=${verb}`, 'surface=chain', 'limit=200'),
        await json('chain', 'status', 'alpine'),
      );

    before(async () => {
      rig = await testRig();
      await rig.ensureOff('host1', 'venti');
      const root = await buildZoneRoot(join(tmpdir(), 'skerry-guest-cache'));
      for (const { name, guests } of HOSTS)
        await defineZones(
          layoutOf(rig.dir).host(name),
          guests.map((guest) => ({ name: guest.name })),
          root,
        );
      await until('the zones are known', async () => {
        const there = new Set(await known());
        return NAMES.every((name) => there.has(name)) || undefined;
      });
      await layCloud(rig, () => {});
      const text = alpineOfZones(await readFile(ALPINE, 'utf8'));
      graph = compile(readChain(text, 'alpine.yaml'));
      await writeFile(join(rig.dir, 'alpine.yaml'), text);
      await rig.does('chain', 'set', join(rig.dir, 'alpine.yaml'));
    });
    after(async () => {
      await rig?.skerry(['chain', 'cancel', 'alpine']);
      await rig?.skerry(['chain', 'delete', 'alpine', '--yes']);
      await rig?.ensureOff('host1', 'venti');
      for (const { name, guests } of HOSTS)
        for (const guest of guests) {
          await rig?.skerry(['guest', 'poweroff', guest.name, '--yes']);
          await rig?.skerry(['guest', 'delete', guest.name, '--yes']);
          await rm(join(layoutOf(rig.dir).host(name), 'lxc', guest.name), { recursive: true, force: true });
        }
      await rig?.skerry(['router', 'delete', CLOUD.router.name, '--yes']);
      await rig?.skerry(['network', 'delete', CLOUD.name, '--yes']);
      for (const start of ['network', 'router'])
        await rig?.skerry([start, 'start', start === 'network' ? 'grid' : 'gate']);
    });

    it('comes up, level after level, each seen by its name on their network', async () => {
      assert.deepEqual(await running(), []);
      await ran('up');
      assert.deepEqual(await running(), [...NAMES, 'venti'].toSorted());
      assert.equal(guestsIn(graph).length, NAMES.length + 1);
      const up = await went('guest.start');
      inOrder(up);
      withinBounds(up);
    });

    it('is there for its guests: names, what others serve, and the way out', async () => {
      const inside = async (guest: string, script: string) =>
        JSON.parse(await rig.does('guest', 'exec', '--json', '--yes', guest, '--', 'sh', '-c', script));
      assert.equal((await inside('console', 'wget -q -O - http://wiki/')).stdout, 'Welcome\n');
      assert.equal((await inside('backup', 'nc -w 5 10.77.0.1 5222 </dev/null')).exitCode, 0);
    });

    it('goes down in reverse', async () => {
      await ran('down', '--yes');
      assert.deepEqual(await running(), []);
      inReverse(await went('guest.shutdown'));
    });
  },
);
