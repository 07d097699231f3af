import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { childrenOf } from '#provisioning/rig/processes.ts';
import { buildZoneRoot } from '#provisioning/zones/root.ts';
import { writeCredentials } from '#shared/ejabberd/accounts.ts';
import type { NodeRecord, RunRecord } from '#shared/verbs/chain.ts';
import { sh } from '#test/contract/inside/host.ts';
import { onZoneHost } from '#test/contract/zone-host.ts';
import { askUntilAnswered } from '../support/asking.ts';
import { allAreHeard, CENTRAL, type TestCentral, testCentral } from '../support/central.ts';
import { keepsChain } from '../support/kept-chain.ts';
import { type Person, person } from '../support/person.ts';
import { type TestProgram, testProgram } from '../support/program.ts';
import { accountOn, bootsOf, defineServerZone, defineZone, XMPP } from '../support/server-zone.ts';
import { until } from '../support/until.ts';

const AGENT = fileURLToPath(new URL('../../../agent/main.ts', import.meta.url));
const APP = '10.98.0.6';
const CHAIN = `chain: site
autostart: true
nodes:
  xmpp: { host: host1, ready: { tcp: "${XMPP.host}:${XMPP.port}" } }
  app: { host: host1, after: [xmpp], ready: { http: { url: "http://${APP}/" } } }
`;
/** What a host does at its boot: it has its disk and its network, and runs its agent. The first time there is no account yet, and no server. */
const BOOT = `set -eu
mount --bind "$1" /var/lib/lxc
shift
ip address add 10.98.0.1/24 dev sk-a
account=$1
shift
if [ ! -e "$account" ]; then
  lxc-start -n xmpp
  until [ -e "$account" ]; do sleep 0.05; done
fi
exec "$@"`;

describe('a host with the server in a zone', function () {
  this.timeout(240_000);
  // Each goes on where the one before has ended.
  this.bail(true);
  let folder = '';
  let lxc = '';
  let host: TestProgram;
  let central: TestCentral;
  let admin: Person;

  const ask = askUntilAnswered(() => admin, 5_000);
  /** The cable between the host and here, where central and people are. It goes with the host. */
  const plugIn = async (): Promise<void> => {
    const [init] = childrenOf(host.pid);
    await sh(
      `ip link add up0 type veth peer name up0 netns ${init}`,
      'ip address add 10.98.0.254/24 dev up0',
      'ip link set up0 up',
      `nsenter -t ${init} -n ip link set up0 up master sk-a`,
    );
  };
  const boots = async (): Promise<Record<string, string[]>> => ({
    xmpp: await bootsOf(lxc, 'xmpp'),
    app: await bootsOf(lxc, 'app'),
  });
  const hasBooted = (name: string, times: number): Promise<unknown> =>
    until(`${name} has booted`, async () => (await bootsOf(lxc, name)).length >= times || undefined, 150_000);
  /** Until central's last run, which began after that, has ended well and all is ready. */
  const isThrough = async (since: string): Promise<void> => {
    await until('central is through with the chain', async () => {
      const [run] = (await ask('chain.history', { chain: 'site' })) as RunRecord[];
      return (run && run.startedAt > since && run.outcome === 'done') || undefined;
    });
    const nodes = (await ask('chain.status', { chain: 'site' })) as NodeRecord[];
    const phases = Object.fromEntries(nodes.map(({ node, phase }) => [node, phase]));
    assert.deepEqual(phases, { xmpp: 'ready', app: 'ready' });
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'skerry-cold-'));
    lxc = join(folder, 'lxc');
    const root = await buildZoneRoot(join(tmpdir(), 'skerry-guest-cache'));
    const ca = await defineServerZone(lxc, root, 'xmpp');
    await defineZone(lxc, root, { name: 'app', address: APP, config: ['lxc.environment = serve=80'] });
    const accountFile = join(folder, 'account.json');
    await mkdir(join(folder, 'agent'), { mode: 0o700 });
    const config = {
      ...{ jid: 'host1@skerry.test', credentials: accountFile, central: CENTRAL, ca: join(folder, 'ca.pem') },
      ...{ service: { host: XMPP.host, port: XMPP.port }, driver: { kind: 'lxc' }, state: 'agent' },
    };
    // The host has a /run of its own, which does not lead to the server's folder.
    await writeFile(join(folder, 'ca.pem'), await readFile(ca));
    await writeFile(join(folder, 'agent.yaml'), stringify(config));
    const agent = [process.execPath, AGENT, '--config', join(folder, 'agent.yaml')];
    host = testProgram('agent', onZoneHost('cold', ['sh', '-c', BOOT, 'sh', lxc, accountFile, ...agent]));
    const policy = { roles: {}, grants: [{ jid: 'admin@skerry.test', role: 'admin' }] };
    const service = { host: XMPP.host, port: XMPP.componentPort };
    central = await testCentral(XMPP, {
      config: { service, hosts: ['host1'], policy },
      command: () => ['setpriv', '--pdeathsig', 'KILL'],
    });

    const hasBegun = host.start();
    const account = await accountOn('host1');
    const login = await accountOn('admin');
    await writeCredentials(accountFile, account);
    await hasBegun;
    await plugIn();
    const server = { account: () => login, ca: await readFile(ca, 'utf8'), xmpp: XMPP };
    admin = await person(server, 'admin');
    await central.start();
    await allAreHeard(() => ask('host.list'));
  });
  after(async () => {
    await admin?.entity.stop();
    await central?.remove();
    await host?.kill9();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  it('is brought up by central, and keeps its part of the chain', async () => {
    await ask('chain.set', { file: CHAIN });
    await ask('chain.up', { chain: 'site' }, 'first');
    await isThrough('');
    await hasBooted('app', 1);
    await until(
      'the agent knows what it starts at boot',
      async () => keepsChain(join(folder, 'agent'), 'site') || undefined,
    );
    assert.deepEqual(await boots(), { xmpp: ['without a server'], app: ['with the server'] });
  });

  it('starts the server and then what needs it, when all power was cut and nobody else is there', async () => {
    await Promise.all([host.kill9(), central.kill9()]);
    await host.start();
    // No cable leads here yet: nobody told it.
    await hasBooted('app', 2);
    assert.deepEqual(await boots(), {
      xmpp: ['without a server', 'without a server'],
      app: ['with the server', 'with the server'],
    });
    await until('the agent is on the server that it started', async () => isConnected(host.logged) || undefined);
  });

  it('is taken by central as it is', async () => {
    const before = await boots();
    const since = new Date().toISOString();
    await central.start();
    await plugIn();
    await allAreHeard(() => ask('host.list'));
    await isThrough(since);
    assert.deepEqual(await boots(), before, 'nothing was started again');
  });
});

function isConnected(logged: TestProgram['logged']): boolean {
  return logged.filter(({ msg }) => msg === 'connected to the server').length > 1;
}
