import assert from 'node:assert/strict';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { FakeNetworks } from '#agent/networks/fake/world.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import type { NetworkInfo } from '#shared/verbs/network.ts';
import { runVerb } from '#shared/xmpp/commands-client.ts';
import { type TestAgent, testAgent } from './support/agent.ts';
import type { VerbId } from './support/asking.ts';
import { allAreHeard, CENTRAL, CENTRAL_SECRET, type TestCentral, testCentral } from './support/central.ts';
import { type Person, person } from './support/person.ts';
import { type TestServer, testServer } from './support/server.ts';
import { until } from './support/until.ts';

const HOSTS = ['host1', 'host2'] as const;

/** Files anywhere in these folders that hold this text. */
async function filesWith(text: string, folders: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const folder of folders)
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      const file = join(entry.parentPath, entry.name);
      // What is written anew has another name for a moment.
      if (entry.isFile() && (await readFile(file).catch(() => '')).includes(text)) found.push(file);
    }
  return found;
}

describe('keys of hosts that meet over the public net', function () {
  this.timeout(120_000);
  let server: TestServer;
  const agents: Record<string, TestAgent> = {};
  let central: TestCentral;
  let admin: Person;

  before(async () => {
    server = await testServer({ accounts: [...HOSTS, 'admin'], components: { [CENTRAL]: CENTRAL_SECRET } });
    const policy = { grants: [{ jid: 'admin@skerry.test', role: 'admin' }] };
    central = await testCentral(server, { config: { hosts: [...HOSTS], policy, mesh: 'fd5e:2::/64' } });
    await central.start();
    for (const name of HOSTS) {
      const wireguard = { endpoint: `${name}.example.org` };
      const networks = { driver: 'fake', underlay: 'eth1', wireguard };
      agents[name] = await testAgent(server, { name, policy: {}, central: CENTRAL, networks });
      await agents[name].start();
    }
    admin = await person(server, 'admin');
    await allAreHeard(() => ask('host.list'));
  });
  after(async () => {
    await admin?.entity.stop();
    for (const agent of Object.values(agents)) await agent.remove();
    await central?.remove();
    await server?.stop();
  });

  const ask = async (verb: VerbId, args: Record<string, unknown> = {}): Promise<unknown> =>
    (await runVerb(admin.entity, CENTRAL, verb, centralVerbs[verb], args, { confirmed: true, timeoutMs: 90_000 }))
      .value;
  const stateOf = (host: string, ...path: string[]): string => join(agents[host]?.folder ?? '', 'state', ...path);
  const meshOf = async (host: string): Promise<NonNullable<FakeNetworks['mesh']> | undefined> => {
    const text = await readFile(stateOf(host, 'fake-networks.json'), 'utf8').catch(() => '{}');
    return (JSON.parse(text) as Partial<FakeNetworks>).mesh;
  };

  it('go through central, and only the public ones', async () => {
    await ask('network.create', { network: 'lan', mtu: 1350, host: [...HOSTS] });
    const [one, two] = await until('both know each other', async () => {
      const [one, two] = [await meshOf('host1'), await meshOf('host2')];
      return one?.peers.length === 1 && two?.peers.length === 1 && one.vnis.length === 1 ? [one, two] : undefined;
    });
    assert.deepEqual([one.peers[0]?.address, two.peers[0]?.address], [two.address, one.address]);
    assert.deepEqual(one.peers[0]?.endpoint, { host: 'host2.example.org', port: 51_820 });
    assert.match(one.address, /^fd5e:2:/);
    await until('nothing is wrong with it', async () => {
      const { problems } = (await ask('network.info', { network: 'lan' })) as NetworkInfo;
      return problems.length === 0 || undefined;
    });
    const key = (await readFile(stateOf('host1', 'wireguard', 'key'), 'utf8')).trim();
    assert.deepEqual(await filesWith(key, [central.folder, ...HOSTS.map((host) => stateOf(host))]), [
      stateOf('host1', 'wireguard', 'key'),
    ]);
    const told = (await meshOf('host2'))?.peers[0]?.publicKey ?? '';
    assert.ok((await filesWith(told, [central.folder])).length > 0, 'the public one is found there');
  });

  it('are learnt anew when a host has lost its own', async () => {
    const before = (await meshOf('host1'))?.peers[0]?.publicKey;
    await agents.host2?.kill9();
    await rm(stateOf('host2', 'wireguard'), { recursive: true });
    await agents.host2?.start();
    await until('the other has the new key', async () => {
      const now = (await meshOf('host1'))?.peers[0]?.publicKey;
      return now !== undefined && now !== before ? now : undefined;
    });
  });
});
