import assert from 'node:assert/strict';
import { execa } from 'execa';
import { after, before, describe, it } from 'mocha';
import { NETWORK, ROUTER } from '#provisioning/rig/plan.ts';
import type { RouterRecord } from '#shared/verbs/router.ts';
import { GRID_GUESTS, type Grid, type GridGuest, gridOf, PUBLIC } from './support/grid.ts';
import { ensureAddressed } from './support/in-guest.ts';
import { MAIN, type TestRig, testRig, until } from './support/rig.ts';

const NAMESPACE = `sk-${ROUTER.name}`;
const [HERE, THERE] = [ROUTER.host, 'host2'] as const;
const ADDRESSES = { venti: '10.99.0.12', cpu1: '10.99.0.10' } as const;
const BOTH = ['venti', 'cpu1'] as const;
const BACK_MS_MAX = 60_000;

describe('a router that moves between hosts', function () {
  this.timeout(240_000);
  let rig: TestRig;
  let grid: Grid;
  let legs: string[] = [];

  before(async () => {
    rig = await testRig();
    grid = gridOf(rig);
    for (const [name, host] of Object.entries(GRID_GUESTS)) await ensureAddressed(rig, host, name);
    legs = await legsOn(HERE);
  });
  after(async () => {
    await until('central hears both', async () => (await isHeard(HERE)) && (await isHeard(THERE)), BACK_MS_MAX);
    await move(HERE);
    for (const [name, host] of Object.entries(GRID_GUESTS)) await rig.ensureOff(host, name);
  });

  const move = (host: string, ...more: string[]) =>
    grid.skerry('router', 'start', ROUTER.name, `host=${host}`, ...more);
  const info = async (): Promise<RouterRecord> => {
    const { stdout } = await rig.skerry(['router', 'info', ROUTER.name, '--json']);
    // Central may be on its way back.
    return JSON.parse(stdout || '{}') as RouterRecord;
  };
  const isHeard = async (host: string): Promise<boolean> => {
    const { stdout } = await rig.skerry(['host', 'info', host, '--json']);
    return stdout !== '' && (JSON.parse(stdout) as { problem?: string }).problem === undefined;
  };
  const has = async (host: string): Promise<boolean> =>
    (await grid.machine(host, ['ip', 'netns', 'list'])).stdout.split(/\s+/).includes(NAMESPACE);
  /** Its legs, as they are inside: name, state, MAC. */
  const legsOn = async (host: string): Promise<string[]> =>
    (await grid.machine(host, ['ip', '-n', NAMESPACE, '-br', 'link', 'show', 'type', 'veth'])).stdout
      .split('\n')
      .map((line) => line.replace(/@\S+/, '').split(/\s+/).slice(0, 3).join(' '))
      .toSorted();
  /** All that is there of it on a host. */
  const partsOn = async (host: string): Promise<string[]> => {
    const { stdout: links } = await grid.machine(host, ['ip', '-br', 'link', 'show', 'type', 'veth']);
    const { stdout: processes } = await grid.machine(host, ['ps', '-eo', 'args=']);
    const ends = legs.map((leg) => `sk${leg.split(' ')[2]?.replaceAll(':', '')}`);
    return [
      ...((await has(host)) ? [NAMESPACE] : []),
      ...ends.filter((end) => links.includes(`${end}@`)),
      ...(processes.match(/^\S*(dnsmasq|haproxy).*/gm) ?? []),
    ];
  };
  /** It is on one host as it shall be, the other has nothing of it, and both guests go out by it. */
  const worksOn = async (host: string, other: string): Promise<void> => {
    await until(`it is on ${host}`, async () => {
      const { host: at, problems } = await info();
      return at === host && problems.length === 0;
    });
    assert.deepEqual([await has(host), await partsOn(other)], [true, []]);
    await grid.whileSeen(async (seen) => {
      for (const name of BOTH)
        await until(`${name} is seen outside as the router`, async () => (await seen(name)) === PUBLIC);
    });
  };
  /** Ask for its address again, as guests do in time. */
  const renewed = async (name: GridGuest): Promise<string> =>
    (await grid.sh(name, 'udhcpc -i eth0 -f -n -q -t 5 -T 1 -s /bin/true 2>&1')).stdout;
  const leased = async (): Promise<string[]> =>
    (JSON.parse(await grid.skerry('network', 'leases', NETWORK.name, '--json')) as { address: string }[])
      .map(({ address }) => address)
      .toSorted();

  it('takes all along: guests keep their addresses, go out as before, and are reached by the same ways in', async () => {
    assert.equal(
      (await partsOn(HERE)).filter((part) => part.startsWith('sk')).length,
      3,
      'what is looked for is there',
    );
    await grid.skerry('router', 'forward-add', ROUTER.name, '8018', 'venti:17034');
    await grid.sh('cpu1', 'mkdir -p /tmp/www && echo cpu1 >/tmp/www/index.html && httpd -p 80 -h /tmp/www');
    await grid.skerry('router', 'ingress-add', ROUTER.name, 'moves.example.test', 'cpu1', 'check=/');
    await move(THERE);
    await worksOn(THERE, HERE);
    assert.deepEqual(await legsOn(THERE), legs, 'with the same MACs');
    for (const name of BOTH)
      assert.match(await renewed(name), new RegExp(`${ADDRESSES[name].replaceAll('.', '\\.')} obtained`), name);
    assert.deepEqual((await leased()).filter((address) => !address.includes(':')).slice(0, 2), [
      ADDRESSES.cpu1,
      ADDRESSES.venti,
    ]);
    assert.match((await grid.sh('venti', `nslookup cpu1.${NETWORK.domain}`)).stdout, /10\.99\.0\.10/);
    assert.equal((await grid.sh('venti', 'ping -6 -c 1 -W 5 fd00:99::1')).exitCode, 0);
    assert.equal(await grid.dial(8018), 'venti', 'a forward');
    await until('ingress', async () => (await grid.get('moves.example.test')) === 'cpu1');
    await grid.skerry('router', 'forward-remove', ROUTER.name, '8018');
    await grid.skerry('router', 'ingress-remove', ROUTER.name, 'moves.example.test');
    await grid.sh('cpu1', 'killall httpd');
    await move(HERE);
    await worksOn(HERE, THERE);
  });

  for (const [what, kill] of [
    ['central', () => rig.killCentral()],
    ['the agent that has it', () => rig.killAgent(HERE)],
    ['the agent that is given it', () => rig.killAgent(THERE)],
  ] as const)
    it(`comes to rest on the other host when ${what} is killed on the way, and is never on both`, async () => {
      const whole = (await partsOn(HERE)).length;
      const asks = ['router', 'start', ROUTER.name, `host=${THERE}`, '--dir', rig.dir];
      const asked = execa(process.execPath, [MAIN, ...asks], { reject: false });
      await until('it is leaving', async () => (await partsOn(HERE)).length < whole);
      await kill();
      await until('it is on the other host', async () => {
        // Whoever is given it is looked at first: where that has it, the one that had it must not, a moment later.
        const [isThere, isHere] = [await has(THERE), await has(HERE)];
        assert.ok(!(isThere && isHere), 'on both');
        return isThere;
      });
      await worksOn(THERE, HERE);
      // Of a central that was killed it would wait for an answer for long.
      asked.kill();
      await asked;
      await move(HERE);
      await worksOn(HERE, THERE);
    });

  it('is not given to another while its host is not heard, but where somebody says so; then the lost one gives way', async () => {
    // The agent stands still, and a central that has just begun has never heard it; the router goes on.
    const letGo = rig.holdAgent(HERE);
    try {
      await rig.killCentral();
      await until('central hears the other host', () => isHeard(THERE), BACK_MS_MAX);
      assert.equal(await isHeard(HERE), false);
      const { exitCode, stderr } = await rig.skerry(['router', 'start', ROUTER.name, `host=${THERE}`]);
      assert.notEqual(exitCode, 0);
      assert.match(stderr, /may still run on host1.*router start gate host=host2 force=yes/);
      assert.equal(await has(THERE), false);
      await move(THERE, 'force=yes');
      await grid.whileSeen(async (seen) => {
        await until('the guest of the other host goes out', async () => (await seen('cpu1')) === PUBLIC);
      });
      assert.equal(await has(HERE), true, 'nobody could tell it');
    } finally {
      letGo();
    }
    await until('it has given way', async () => !(await has(HERE)), BACK_MS_MAX);
    await worksOn(THERE, HERE);
  });
});
