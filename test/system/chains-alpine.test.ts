import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'mocha';
import { CLOUD_GUESTS } from '#provisioning/rig/plan-cloud.ts';
import { readChain } from '#shared/chain/chain-file.ts';
import { compile, type Graph } from '#shared/chain/compile.ts';
import type { NodeRecord, RunRecord } from '#shared/verbs/chain.ts';
import { inGuest } from './support/in-guest.ts';
import { startRig, type TestRig, until } from './support/rig.ts';

const ALPINE = new URL('../../provisioning/chains/alpine.yaml', import.meta.url);
/** Twenty guests on two cores without KVM take some two minutes; on a busy machine several times as long. */
const RUN_MS = 900_000;

/** When a guest began to start or stop, by its host; and when its run saw it there, by central. Milliseconds. */
interface Span {
  from: number;
  to: number;
}

describe('a private cloud of twenty guests, brought up by the chain alpine', function () {
  this.timeout(RUN_MS + 60_000);
  let rig: TestRig;
  let stop: (() => Promise<void>) | undefined;
  let graph: Graph;

  before(async () => {
    graph = compile(readChain(await readFile(ALPINE, 'utf8'), 'alpine.yaml'));
    ({ rig, stop } = await startRig(['--cloud']));
  });
  after(() => stop?.());

  const skerry = async (...args: string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await rig.skerry(args);
    assert.equal(exitCode, 0, `${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const json = async <T>(...args: string[]): Promise<T> => JSON.parse(await skerry(...args, '--json')) as T;
  const guests = () => graph.nodes.filter(({ spec }) => spec.kind === 'guest');
  const hostOf = (guest: string): string => graph.nodes[graph.places.get(guest) ?? -1]?.spec.host ?? '';
  const running = async (): Promise<string[]> => {
    const names = await Promise.all(rig.hosts.map(({ name }) => rig.virsh(name, ['list', '--name'])));
    return names.flatMap((text) => text.split('\n').filter(Boolean)).toSorted();
  };
  const said = (guest: string): Promise<string> => rig.consoleLog(hostOf(guest), guest);
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
  /** What the hosts did, and when the run saw that it was done. Each guest is asked once: what is asked again is told what became of it. */
  const spans = async (verb: string): Promise<Map<string, Span>> => {
    const nodes = await json<NodeRecord[]>('chain', 'status', 'alpine');
    const seen = new Map(nodes.map(({ node, since }) => [node, Date.parse(since)]));
    const found = new Map<string, Span>();
    for (const { name: host } of rig.hosts) {
      const trail = ['audit', 'list', `verb=${verb}`, 'outcome=done', 'limit=100', '--host', host];
      for (const { at, target } of await json<{ at: string; target: string }[]>(...trail)) {
        assert.ok(!found.has(target), `${target} was asked twice: ${verb}`);
        found.set(target, { from: Date.parse(at), to: seen.get(target) ?? Number.NaN });
      }
    }
    return found;
  };

  it('is planned level after level', async () => {
    const planned = await skerry('chain', 'plan', 'alpine');
    assert.match(planned, /^1\. infra, outside\n2\. san1, san2\n3\. dns1, dns2, nfs, http\n4\. ldap1\n5\. ldap2\n/mu);
    assert.match(
      planned,
      /\n6\. xmpp, sql1, syslog, mail\n7\. sql2\n8\. web1, web2, wiki, metrics, backup, console\n/u,
    );
  });

  it('comes up, although central is killed when a part of it is there', async () => {
    assert.deepEqual(await running(), []);
    await skerry('chain', 'up', 'alpine', '--no-wait');
    await until('a SAN serves', async () => (await said('san1')).includes('san1 serves on port 10809'), RUN_MS);
    await rig.killCentral();
    assert.ok((await running()).length < guests().length, 'the rest was not there yet');
    const { outcome, there, of } = await ended('up');
    assert.deepEqual([outcome, there], ['done', of]);
    assert.deepEqual(await running(), CLOUD_GUESTS.map(({ name }) => name).toSorted());
  });

  it('started each guest once, and told each what to serve', async () => {
    for (const { name, spec } of guests()) {
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
    const started = await spans('guest.start');
    assert.equal(started.size, guests().length);
    const ready = new Map(
      (await json<NodeRecord[]>('chain', 'status', 'alpine')).map(({ node, since }) => [node, Date.parse(since)]),
    );
    for (const { name, after: needs } of guests())
      for (const need of needs.map(({ at }) => graph.nodes[at]?.name ?? ''))
        assert.ok((ready.get(need) ?? Number.NaN) <= (started.get(name)?.from ?? Number.NaN), `${name} after ${need}`);
    for (const [group, most] of Object.entries({ low: 4, middle: 3, high: 2 })) {
      const { spec } = graph.nodes[graph.places.get(group) ?? -1] ?? {};
      assert.equal(spec?.atOnce, most, group);
      const members = spec.members.map((name) => started.get(name) as Span);
      // The most are under way when one of them begins.
      const busiest = Math.max(
        ...members.map(({ from }) => members.filter((other) => other.from <= from && from < other.to).length),
      );
      assert.ok(busiest <= most, `${group}: ${busiest} at once`);
      assert.ok(busiest > 1, `${group}: more than one at once`);
    }
  });

  it('is there for its guests: names, what others serve, and the way out', async () => {
    const { stdout } = await inGuest(rig, 'host1', 'console', ['/bin/sh', '-c', 'wget -q -O - http://wiki/']);
    assert.equal(stdout.trim(), 'Welcome');
    const out = await inGuest(rig, 'host2', 'backup', ['/bin/sh', '-c', 'nc -w 5 10.77.0.1 5222 </dev/null']);
    assert.equal(out.exitCode, 0, out.stderr);
  });

  it('goes down in reverse', async () => {
    await skerry('chain', 'down', 'alpine', '--no-wait', '--yes');
    const { outcome } = await ended('down');
    assert.equal(outcome, 'done');
    assert.deepEqual(await running(), []);
    const stopped = await spans('guest.shutdown');
    assert.equal(stopped.size, guests().length);
    for (const { name, after: needs } of guests())
      for (const { at } of needs) {
        const need = stopped.get(graph.nodes[at]?.name ?? '');
        // Groups, the network, its router and what is outside are not asked by a host.
        if (need)
          assert.ok((stopped.get(name)?.to ?? Number.NaN) <= need.from, `${graph.nodes[at]?.name} after ${name}`);
      }
  });
});
