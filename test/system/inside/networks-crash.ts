import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, afterEach, before, describe, it } from 'mocha';
import { stringify } from 'yaml';
import { openDatabase } from '#agent/journal/database.ts';
import { settings } from '#agent/journal/settings.ts';
import { keepNetworks } from '#agent/networks/store.ts';
import { HostNetworks } from '#shared/model/network.ts';
import { sh, shape } from '#test/contract/inside/host.ts';
import { network, port } from '#test/contract/network-driver-contract.ts';
import { type TestProgram, testProgram } from '../support/program.ts';
import { until } from '../support/until.ts';

const MAIN = fileURLToPath(new URL('../../../agent/main.ts', import.meta.url));

/** What the host shall realise first, and what then: everything is made, changed or removed on the way, and on the way back. */
const tunnel = { vni: 7, local: '192.0.2.1', peers: ['192.0.2.2'] };
const look = { network: 'grid', mac: '52:54:00:00:00:fe', addresses: ['10.9.0.254/24'], dns: ['10.9.0.1'] };
const SOME = HostNetworks.parse({ networks: [network('old')], ports: [port('old', 4)], looks: [], routers: [] });
const OTHERS = HostNetworks.parse({
  ...{ networks: [network('grid', { tunnel })], ports: [port('grid', 5)], looks: [look], routers: [] },
});

describe('an agent', function () {
  this.timeout(600_000);
  let folder: string;
  let agent: TestProgram;

  before(async () => {
    await sh('ip link add name up0 type bridge', 'ip addr add 192.0.2.1/24 dev up0', 'ip link set up0 up');
    folder = await mkdtemp(join(tmpdir(), 'skerry-networks-'));
    await mkdir(join(folder, 'state'), { mode: 0o700 });
    await writeFile(join(folder, 'account.json'), JSON.stringify({ jid: 'h@skerry.test', password: 'x' }), {
      mode: 0o600,
    });
    const config = {
      jid: 'h@skerry.test',
      credentials: 'account.json',
      // Nobody is there: all of this is done without a server.
      service: { host: '127.0.0.1', port: 9 },
      central: 'central.skerry.test',
      driver: { kind: 'fake', guests: 0 },
      networks: { driver: 'linux', underlay: 'up0' },
      state: 'state',
    };
    await writeFile(join(folder, 'agent.yaml'), stringify(config));
    agent = testProgram('agent', [process.execPath, MAIN, '--config', join(folder, 'agent.yaml')]);
  });
  afterEach(() => agent.kill9());
  after(async () => {
    await agent?.kill9();
    await rm(folder, { recursive: true, force: true });
  });

  /** As if central had sent it, and the agent had died right after. */
  const keep = (document: HostNetworks): void => {
    const database = openDatabase(join(folder, 'state', 'agent.sqlite'));
    keepNetworks(settings(database), document);
    database.close();
  };
  const realise = async (document: HostNetworks): Promise<string> => {
    keep(document);
    await agent.start();
    await agent.kill9();
    return await shape();
  };

  /** Otherwise it came to its end before. */
  const isKilledAfter = async (steps: number): Promise<boolean> => {
    const isKilled = await agent.start({ SKERRY_FAILPOINT: `networks:${steps}` }).then(
      () => false,
      () => true,
    );
    await agent.kill9();
    return isKilled;
  };

  it('is as wanted after its next start, wherever it was killed', async () => {
    const others = await realise(OTHERS);
    const some = await realise(SOME);
    assert.match(others, /vx-grid/);
    assert.doesNotMatch(some, /grid/);
    const kills = { making: 0, removing: 0 };
    for (let steps = 0, isMore = true; isMore; steps++) {
      isMore = false;
      for (const [way, to, due] of [
        ['making', OTHERS, others],
        ['removing', SOME, some],
      ] as const) {
        keep(to);
        if (!(await isKilledAfter(steps))) continue;
        kills[way]++;
        isMore = true;
        await agent.start();
        await agent.kill9();
        assert.equal(await shape(), due, `${way}, killed after ${steps} steps`);
      }
    }
    assert.ok(kills.making > 12 && kills.removing > 5, `there are steps: ${JSON.stringify(kills)}`);
  });

  it('makes all of it again after a reboot', async () => {
    const due = await realise(OTHERS);
    await sh('ip netns del skl-grid', 'ip link del vx-grid', 'ip link del sk-grid', 'nft flush ruleset');
    assert.notEqual(await shape(), due);
    await agent.start();
    assert.equal(await shape(), due);
    await agent.kill9();
  });

  it('mends what somebody changes while it runs', async () => {
    const due = await realise(OTHERS);
    await agent.start();
    for (const harm of [
      'ip link del sk-grid',
      'ip link del vx-grid',
      'ip link set dev sk-grid mtu 1300',
      'ip link set dev vx-grid nomaster',
      'ip link set dev sk-grid down',
      'ip link del sk5254000000fe',
      'nft delete table bridge skerry',
    ]) {
      await sh(harm);
      await until(`${harm} is mended`, async () => (await shape()) === due || undefined);
    }
    await agent.kill9();
  });
});
