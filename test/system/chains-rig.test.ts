import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import xml from '@xmpp/xml';
import { after, before, describe, it } from 'mocha';
import { layoutOf } from '#provisioning/rig/layout.ts';
import type { NodeRecord } from '#shared/verbs/chain.ts';
import { keepsChain } from './support/kept-chain.ts';
import { type Person, rigPerson } from './support/person.ts';
import { type TestRig, testRig, until } from './support/rig.ts';

const GRID = new URL('../../provisioning/chains/grid.yaml', import.meta.url).pathname;
const GUESTS = { venti: 'host1', fossil: 'host1', cpu1: 'host2', cpu2: 'host2' } as const;
type GuestName = keyof typeof GUESTS;
/** Its network and router, and the guests. */
const NODES = ['grid', 'gate', ...Object.keys(GUESTS)];

describe('the grid, brought up by its chain', function () {
  this.timeout(400_000);
  let rig: TestRig;
  let viewer: Person;

  const allOff = async (): Promise<void> => {
    for (const [guest, host] of Object.entries(GUESTS)) await rig.ensureOff(host, guest);
  };
  const stateOf = async (guest: GuestName): Promise<string> =>
    (await rig.virsh(GUESTS[guest], ['domstate', guest])).trim();
  const nodes = async (): Promise<NodeRecord[]> => JSON.parse(await rig.does('chain', 'status', 'grid', '--json'));
  /** How many lines there were on each console before; what was said since counts. */
  const marks = new Map<GuestName, number>();
  const mark = async (): Promise<void> => {
    for (const guest of Object.keys(GUESTS) as GuestName[])
      marks.set(guest, (await rig.consoleLog(GUESTS[guest], guest)).length);
  };
  const said = async (guest: GuestName): Promise<string> =>
    (await rig.consoleLog(GUESTS[guest], guest)).slice(marks.get(guest) ?? 0);
  const hears = (text: RegExp): Promise<unknown> =>
    viewer.sees(
      `${text}`,
      (stanza) => stanza.attrs.from === `${rig.room}/skerry` && text.test(stanza.getChildText('body') ?? ''),
    );

  /** Whether a host's agent keeps a chain that it starts at boot. */
  const isHandedOut = (host: string): boolean => keepsChain(join(layoutOf(rig.dir).host(host), 'agent'), 'grid');

  before(async () => {
    rig = await testRig();
    await allOff();
    viewer = await rigPerson(rig, 'viewer');
    const x = xml('x', { xmlns: 'http://jabber.org/protocol/muc' }, xml('history', { maxstanzas: '0' }));
    await viewer.send(xml('presence', { to: `${rig.room}/vera` }, x));
    await until('the hosts are heard', async () => {
      const hosts = JSON.parse((await rig.skerry(['host', 'list', '--json'])).stdout || '[]') as { state: string }[];
      return hosts.length === 2 && hosts.every(({ state }) => state === 'up');
    });
  });
  after(async () => {
    await allOff();
    // What goes down with the chain is what others have for their guests.
    await rig.does('network', 'start', 'grid');
    await rig.does('router', 'start', 'gate');
    await viewer?.entity.stop();
  });

  it('is planned in three waves, as its network and its router are up with the rig', async () => {
    await rig.does('chain', 'set', GRID);
    assert.match(
      await rig.does('chain', 'plan', 'grid'),
      /4 nodes in 3 waves.*\n1\. venti\n2\. fossil\n3\. cpu1, cpu2/,
    );
  });

  it('starts each guest when the one before answers, which each needs to answer itself', async () => {
    await mark();
    await rig.does('chain', 'up', 'grid');
    for (const guest of Object.keys(GUESTS) as GuestName[]) assert.equal(await stateOf(guest), 'running', guest);
    assert.match(await said('venti'), /venti serves on port 17034/);
    assert.match(await said('fossil'), /fossil has reached 10\.99\.0\.12:17034.*fossil serves on port 564/su);
    for (const cpu of ['cpu1', 'cpu2'] as const)
      assert.match(await said(cpu), new RegExp(`${cpu} has reached 10\\.99\\.0\\.17:564`));
    const since = new Map((await nodes()).map((node) => [node.node, node.since]));
    const inOrder = ['grid', 'gate', 'venti', 'fossil', 'cpu1'].map((name) => since.get(name) ?? '');
    assert.deepEqual(inOrder, inOrder.toSorted());
    await hears(/chain grid: wave 5 of 5 is up: cpu1, cpu2/);
    await hears(/chain grid up: done, 6 of 6 nodes/);
  });

  it('takes what runs as it is', async () => {
    await mark();
    await rig.does('chain', 'up', 'grid');
    for (const guest of Object.keys(GUESTS) as GuestName[]) assert.doesNotMatch(await said(guest), /is up at/, guest);
  });

  it('goes down in reverse, each guest asked and given time', async () => {
    await mark();
    await rig.does('chain', 'down', 'grid', '--yes');
    for (const guest of Object.keys(GUESTS) as GuestName[]) {
      assert.equal(await stateOf(guest), 'shut off', guest);
      assert.doesNotMatch(await rig.virsh(GUESTS[guest], ['domstate', guest, '--reason']), /destroyed/, guest);
    }
    const since = new Map((await nodes()).map((node) => [node.node, node.since]));
    const inOrder = ['cpu1', 'fossil', 'venti', 'gate', 'grid'].map((name) => since.get(name) ?? '');
    assert.deepEqual(inOrder, inOrder.toSorted());
    const waves = /6 nodes in 5 waves.*\n1\. grid\n2\. gate\n3\. venti\n4\. fossil\n5\. cpu1, cpu2/;
    assert.match(await rig.does('chain', 'plan', 'grid'), waves);
  });

  it('comes up although central, an agent and the server are killed meanwhile', async () => {
    await mark();
    const { exitCode } = await rig.skerry(['chain', 'up', 'grid', '--no-wait']);
    assert.equal(exitCode, 0);
    await rig.killCentral();
    await until('venti runs', async () => (await stateOf('venti')) === 'running', 120_000);
    await rig.killAgent('host1');
    await until('fossil runs', async () => (await stateOf('fossil')) === 'running', 120_000);
    await rig.killEjabberd();
    await rig.killAgent('host2');
    await until(
      'all are ready',
      async () => {
        const { stdout } = await rig.skerry(['chain', 'status', 'grid', '--json']);
        const known = JSON.parse(stdout || '[]') as NodeRecord[];
        return known.length === NODES.length && known.every(({ phase }) => phase === 'ready');
      },
      120_000,
    );
    for (const guest of Object.keys(GUESTS) as GuestName[])
      assert.equal((await said(guest)).match(/is up at/g)?.length, 1, `${guest} was booted once`);
    await rig.does('chain', 'down', 'grid', '--yes');
  });

  it('comes up by itself on a host that lost its power, with no central and no server', async () => {
    const file = join(rig.dir, 'autostart.yaml');
    const grid = await readFile(GRID, 'utf8');
    await writeFile(file, grid.replace('chain: grid', 'chain: grid\nautostart: true'));
    await rig.does('chain', 'set', file);
    await rig.does('chain', 'up', 'grid');
    await until('host1 knows what it starts at boot', () => isHandedOut('host1'));
    const letGo = [rig.hold('central'), rig.hold('ejabberd')];
    try {
      await mark();
      await rig.cutPower('host1');
      await until('fossil serves again', async () => (await said('fossil')).includes('serves on port 564'), 90_000);
      assert.match(await said('fossil'), /fossil has reached 10\.99\.0\.12:17034/);
    } finally {
      for (const go of letGo) go();
    }
    await until(
      'central knows it',
      async () => {
        const { stdout } = await rig.skerry(['guest', 'list', 'driver:libvirt', '--json']);
        const guests = JSON.parse(stdout || '[]') as { name: string; state: string; asOf?: string }[];
        return guests.length === 4 && guests.every(({ state, asOf }) => state === 'running' && asOf === undefined);
      },
      90_000,
    );
    await rig.does('chain', 'up', 'grid');
    for (const guest of ['venti', 'fossil'] as const)
      assert.equal((await said(guest)).match(/is up at/g)?.length, 1, `${guest} was booted once`);
    await rig.does('chain', 'down', 'grid', '--yes');
    await until('host1 knows that it shall stay down', () => !isHandedOut('host1'));
    await rig.does('chain', 'delete', 'grid', '--yes');
  });
});
