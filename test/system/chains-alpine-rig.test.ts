import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'mocha';
import { CLOUD_GUESTS } from '#provisioning/rig/plan-cloud.ts';
import { readChain } from '#shared/chain/chain-file.ts';
import { compile, type Graph } from '#shared/chain/compile.ts';
import type { RunRecord } from '#shared/verbs/chain.ts';
import { guestsIn, inOrder, inReverse, type Went, wentOf, withinBounds } from './support/chain-order.ts';
import { inGuest } from './support/in-guest.ts';
import { startRig, type TestRig, until } from './support/rig.ts';

const ALPINE = new URL('../../provisioning/chains/alpine.yaml', import.meta.url);
/** Twenty guests that are emulated by two cores take minutes, and several times as long on a busy machine. */
const RUN_MS = 900_000;

// It takes as long as many other tests together. test/system/chains-alpine.test.ts runs the same chain always, with the fake driver.
(process.env.SKERRY_CLOUD === 'real' ? describe : describe.skip)(
  'the chain alpine with twenty real guests',
  function () {
    this.timeout(RUN_MS + 60_000);
    let rig: TestRig;
    let stop: (() => Promise<void>) | undefined;
    let graph: Graph;

    before(async () => {
      graph = compile(readChain(await readFile(ALPINE, 'utf8'), 'alpine.yaml'));
      ({ rig, stop } = await startRig(['--cloud']));
    });
    after(() => stop?.());

    const json = async (...args: string[]) => JSON.parse(await rig.does(...args, '--json'));
    const running = async (): Promise<string[]> => {
      const names = await Promise.all(rig.hosts.map(({ name }) => rig.virsh(name, ['list', '--name'])));
      return names.flatMap((text) => text.split('\n').filter(Boolean)).toSorted();
    };
    const said = (guest: string): Promise<string> =>
      rig.consoleLog(graph.nodes[graph.places.get(guest) ?? -1]?.spec.host ?? '', guest);
    /** Until the last run has ended. Central may be away meanwhile. */
    const ended = async (goal: 'up' | 'down'): Promise<RunRecord> => {
      let last: RunRecord | undefined;
      await until(
        `the run ${goal} has ended`,
        async () => {
          const { stdout } = await rig.skerry(['chain', 'history', 'alpine', '--json']);
          [last] = JSON.parse(stdout || '[]') as RunRecord[];
          return last?.goal === goal && last.endedAt !== undefined;
        },
        RUN_MS,
      );
      return last as RunRecord;
    };
    const went = async (verb: string): Promise<Went> =>
      wentOf(
        graph,
        await json('audit', 'list', `verb=${verb}`, 'surface=chain', 'limit=200'),
        await json('chain', 'status', 'alpine'),
      );

    it('is planned level after level', async () => {
      const planned = await rig.does('chain', 'plan', 'alpine');
      assert.match(planned, /^1\. infra, outside\n2\. san1, san2\n3\. dns1, dns2, nfs, http\n4\. ldap1\n5\. ldap2\n/mu);
      assert.match(
        planned,
        /\n6\. xmpp, sql1, syslog, mail\n7\. sql2\n8\. web1, web2, wiki, metrics, backup, console\n/u,
      );
    });

    it('comes up, although central is killed when a part of it is there', async () => {
      assert.deepEqual(await running(), []);
      await rig.does('chain', 'up', 'alpine', '--no-wait');
      await until('a SAN serves', async () => (await said('san1')).includes('san1 serves on port 10809'), RUN_MS);
      await rig.killCentral();
      assert.ok((await running()).length < CLOUD_GUESTS.length, 'the rest was not there yet');
      const { outcome, there, of } = await ended('up');
      assert.deepEqual([outcome, there], ['done', of]);
      assert.deepEqual(await running(), CLOUD_GUESTS.map(({ name }) => name).toSorted());
    });

    it('started each guest once, and told each what to serve', async () => {
      for (const { name, spec } of guestsIn(graph)) {
        const text = await said(name);
        assert.equal(
          text.match(new RegExp(`${name} is up at 192\\.168\\.1\\.\\d+`, 'gu'))?.length,
          1,
          `${name}: ${text}`,
        );
        const { 'skerry.dial': dial, 'skerry.serve': serve } = spec.params;
        if (serve !== undefined) assert.match(text, new RegExp(`${name} serves on port ${serve}`, 'u'));
        if (dial !== undefined) assert.match(text, new RegExp(`${name} has reached ${dial}`, 'u'));
      }
    });

    it('started none before what it needs was ready, and no more at once than its group allows', async () => {
      const up = await went('guest.start');
      inOrder(up);
      withinBounds(up);
    });

    it('is there for its guests: names, what others serve, and the way out', async () => {
      const { stdout } = await inGuest(rig, 'host1', 'console', ['/bin/sh', '-c', 'wget -q -O - http://wiki/']);
      assert.equal(stdout.trim(), 'Welcome');
      const out = await inGuest(rig, 'host2', 'backup', ['/bin/sh', '-c', 'nc -w 5 10.77.0.1 5222 </dev/null']);
      assert.equal(out.exitCode, 0, out.stderr);
    });

    it('goes down in reverse', async () => {
      await rig.does('chain', 'down', 'alpine', '--no-wait', '--yes');
      assert.equal((await ended('down')).outcome, 'done');
      assert.deepEqual(await running(), []);
      inReverse(await went('guest.shutdown'));
    });
  },
);
