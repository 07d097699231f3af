import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Run } from '#agent/exec/run.ts';
import type { NetworkDriver } from '#agent/networks/driver.ts';
import { illumosNetworks } from '#agent/networks/illumos/driver.ts';
import { Failure, type FailureCode } from '#shared/errors.ts';
import { HostRouter } from '#shared/model/network.ts';
import { type IllumosScene, illumosScene } from './illumos-scene.ts';
import { network, port } from './network-driver-contract.ts';

const signal = () => AbortSignal.timeout(20_000);
const failure = (code: FailureCode, words: RegExp) => (error: unknown) =>
  error instanceof Failure && error.code === code && words.test(error.message);

/** The model has no processes to be told by a signal: that a zone's is told is written down. */
const told: string[] = [];
const withPkill =
  (run: Run): Run =>
  async (command, limit) =>
    command.file === 'pkill' ? `${told.push(command.args.join(' '))}` : run(command, limit);

describe('networks of illumos on modelled commands', () => {
  let scene: IllumosScene;
  let driver: NetworkDriver;
  beforeEach(async () => {
    told.length = 0;
    scene = illumosScene({}, withPkill);
    await mkdir(join(scene.folder, 'etc-zones'), { recursive: true });
    driver = illumosNetworks({ ...scene.options, log: scene.options.log });
  });
  afterEach(async () => {
    await driver.close();
    scene.close();
  });

  const links = async () =>
    (await scene.type('dladm', 'show-link', '-p', '-o', 'link')).stdout.split('\n').filter((line) => line !== '');
  const make = async (...networks: Parameters<NetworkDriver['makeNetworks']>[0]) => {
    const failed = await driver.makeNetworks(networks, [], signal());
    assert.deepEqual(
      [...failed.values()].map(({ message }) => message),
      [],
    );
  };

  it('are an etherstub and a vnic for shared-ip zones each, and nothing where all is right', async () => {
    await make(network('lan'), network('a-b', { mtu: 1400 }));
    assert.deepEqual((await driver.readRealised(signal())).networks, ['a-b', 'lan']);
    assert.deepEqual(await links(), ['net0', 'sk_lan_0', 'sks_lan_0', 'sk_a_b_0', 'sks_a_b_0']);
    assert.match((await scene.type('ipadm', 'show-if', '-p', '-o', 'ifname')).stdout, /sks_lan_0/);
    scene.takeTranscript();
    await make(network('lan'), network('a-b', { mtu: 1400 }));
    assert.deepEqual(
      scene.takeTranscript().filter((line) => !line.includes(' show-')),
      [],
    );
    await make(network('lan', { mtu: 9000 }));
    assert.match((await scene.type('dladm', 'show-link', '-p', '-o', 'link,mtu')).stdout, /sks_lan_0:9000/);
    await driver.removeNetworks(['lan', 'a-b', 'never-there'], signal());
    assert.deepEqual(await links(), ['net0']);
    assert.deepEqual((await driver.readRealised(signal())).networks, []);
  });

  it('leave alone what somebody else made', async () => {
    await scene.type('dladm', 'create-etherstub', 'sk_taken_0');
    const failed = await driver.makeNetworks([network('taken'), network('free')], [], signal());
    assert.deepEqual([...failed.keys()], ['taken']);
    assert.ok(failure('network-clash', /sk_taken_0/)(failed.get('taken')));
    await driver.removeNetworks(['taken', 'free'], signal());
    assert.deepEqual(await links(), ['net0', 'sk_taken_0']);
  });

  it('use a link outside as it is, and say so of what illumos does not do here', async () => {
    const tunnel = { vni: 7, local: '192.0.2.1', peers: [] };
    const all = [
      network('wan', { kind: 'outside', link: 'net0' }),
      network('lost', { kind: 'outside', link: 'net9' }),
      network('far', { tunnel }),
    ];
    const failed = await driver.makeNetworks(all, [], signal());
    assert.ok(failure('network-missing', /net9/)(failed.get('lost')));
    assert.ok(failure('network-host', /several hosts/)(failed.get('far')));
    assert.equal(failed.size, 2);
    assert.deepEqual(await links(), ['net0']);
    const look = { network: 'wan', mac: '52:54:00:00:00:09', addresses: ['10.9.0.9/24'], gateways: [], dns: [] };
    await assert.rejects(driver.makeLook(look, all[0]!, signal()), failure('network-host', /looks/));
  });

  it('take back what was made, whichever step fails, and mend what was lost', async () => {
    for (const step of ['create-etherstub', 'create-vnic', 'create-if'])
      for (const when of timesOf(step)) {
        scene.fault({ of: step, nth: 1, when, how: 'fails' });
        const failed = await driver.makeNetworks([network('lan')], [], signal());
        assert.equal(failed.size, 1, `${step} ${when}`);
        assert.deepEqual(await links(), ['net0'], `${step} ${when}`);
        assert.deepEqual((await driver.readRealised(signal())).networks, []);
      }
    await make(network('lan'));
    await scene.type('ipadm', 'delete-if', 'sks_lan_0');
    await scene.type('dladm', 'delete-vnic', 'sks_lan_0');
    await make(network('lan'));
    assert.deepEqual(await links(), ['net0', 'sk_lan_0', 'sks_lan_0']);
  });

  it('are finished or removed where making or removing them was cut off', async () => {
    for (const step of [
      'create-etherstub',
      'create-vnic',
      'create-if',
      'delete-if',
      'delete-vnic',
      'delete-etherstub',
    ]) {
      const dying = illumosNetworks({ ...scene.options, run: cutOffAt(scene.run, step) });
      await dying.makeNetworks([network('lan')], [], signal()).catch(() => {});
      await dying.removeNetworks(['lan'], signal()).catch(() => {});
      await driver.removeNetworks(['lan'], signal());
      assert.deepEqual(await links(), ['net0'], step);
      await make(network('lan'));
      await driver.removeNetworks(['lan'], signal());
    }
  });

  it('hold vnics of guests to their addresses', async () => {
    await make(network('lan'));
    await scene.type('dladm', 'create-vnic', '-l', 'sk_lan_0', '-m', '52:54:00:00:00:03', 'sk525400000003_0');
    await driver.guardPorts([port('lan', 3), port('lan', 4)], signal());
    const shown = (
      await scene.type(
        'dladm',
        'show-linkprop',
        '-c',
        '-o',
        'value',
        '-p',
        'protection,allowed-ips',
        'sk525400000003_0',
      )
    ).stdout;
    assert.equal(shown, 'mac-nospoof,restricted,ip-nospoof,dhcp-nospoof\n10.9.0.3,fd00:9::3\n');
    scene.takeTranscript();
    await driver.guardPorts([port('lan', 3), port('lan', 4)], signal());
    assert.deepEqual(
      scene.takeTranscript().filter((line) => line.includes('set-linkprop')),
      [],
    );
    assert.deepEqual(await driver.readPorts(signal()), [
      { network: 'lan', link: 'sk525400000003', mac: '52:54:00:00:00:03' },
    ]);
  });

  it('tell of a change by somebody else', async () => {
    const seen = Promise.withResolvers<void>();
    const watch = await driver.watch(seen.resolve, seen.reject, signal());
    await scene.type('dladm', 'create-etherstub', 'poke0');
    await seen.promise;
    await watch.stop();
  });
});

/** Only an installation has a middle. */
const timesOf = (step: string): ('before' | 'middle' | 'after')[] =>
  step === ' install' ? ['before', 'middle', 'after'] : ['before', 'after'];

/** The agent dies with the first command that fits: neither that one nor any other is run. */
function cutOffAt(run: Run, of: string): Run {
  let isDead = false;
  return (command, limit) => {
    isDead ||= command.args.includes(of);
    return isDead ? Promise.reject(new Error('the agent is dead')) : run(command, limit);
  };
}

describe('router zones on modelled commands', () => {
  let scene: IllumosScene;
  let driver: NetworkDriver;
  beforeEach(async () => {
    told.length = 0;
    scene = illumosScene({}, withPkill);
    driver = illumosNetworks(scene.options);
    await driver.makeNetworks([LAN], [], signal());
    scene.takeTranscript();
  });
  afterEach(async () => {
    await driver.close();
    scene.close();
  });

  const LAN = network('lan', { kind: 'nat' });
  const WAN = network('wan', { kind: 'outside', link: 'net0', mtu: 1500 });
  const host = { network: 'lan', mac: '52:54:00:00:00:03', name: 'web1', addresses: ['10.1.2.3'] };
  const router = (more: object = {}): HostRouter =>
    HostRouter.parse({
      name: 'r1',
      outside: { network: 'wan', mac: '52:54:00:00:01:01', addresses: ['192.0.2.20/24'], gateways: ['192.0.2.1'] },
      legs: [{ network: 'lan', mac: '52:54:00:00:01:02', addresses: ['10.1.2.1/24'] }],
      ...{ nat: ['lan'], routed: [], dns: ['192.0.2.53'], hosts: [host], domains: { lan: 'grid.example.org' } },
      ...more,
    });
  const make = (more: object = {}) => driver.makeRouter(router(more), [LAN, WAN], signal());
  const inZone = (path: string) => readFile(join(scene.places.zonesFolder, 'sk-r1/root', path), 'utf8');
  const zones = async () =>
    (await scene.type('zoneadm', 'list', '-cnp')).stdout.replace(/^[^:]*:([^:]*:[^:]*):.*$/gm, '$1').trim();
  const vnics = async () => (await scene.type('dladm', 'show-vnic', '-p', '-o', 'link')).stdout.trim().split('\n');

  it('run with NAT, names and reservations, and are found to be well', async () => {
    await make();
    assert.equal(await zones(), 'sk-r1:running');
    assert.equal(await inZone('etc/hostname.sk525400000101_0'), '192.0.2.20/24\n');
    assert.equal(await inZone('etc/hostname.sk525400000102_0'), '10.1.2.1/24\n');
    assert.equal(await inZone('etc/defaultrouter'), '192.0.2.1\n');
    assert.equal(
      await inZone('etc/ipf/ipnat.conf'),
      'map sk525400000101_0 10.1.2.0/24 -> 0/32 portmap tcp/udp auto\nmap sk525400000101_0 10.1.2.0/24 -> 0/32\n',
    );
    const start = await inZone('etc/rc2.d/S83router');
    assert.match(start, /ipadm set-ifprop -t -p forwarding=on -m ipv4 sk525400000101_0\n.*sk525400000102_0\n/);
    assert.match(start, /svcadm enable network\/ipfilter\n.*svcadm enable network\/dnsmasq\n/);
    assert.match(await inZone('etc/dnsmasq.conf'), /dhcp-range=10\.1\.2\.0,static,255\.255\.255\.0\n/);
    const served = join(scene.options.stateFolder, 'routers/r1/served');
    assert.equal(await readFile(join(served, 'reservations'), 'utf8'), '52:54:00:00:00:03,web1,10.1.2.3,infinite\n');
    assert.equal(await readFile(join(served, 'names'), 'utf8'), '10.1.2.3 web1.grid.example.org web1\n');
    const config = (await scene.type('zonecfg', '-z', 'sk-r1', 'export')).stdout;
    assert.ok(!config.includes('allowed-address'), 'the guard of an address would stop what it passes on');
    assert.deepEqual((await driver.readRealised(signal())).routers, ['r1']);
  });

  it('are changed as they run in what they serve, and begin anew for all else', async () => {
    await make();
    scene.takeTranscript();
    await make();
    assert.deepEqual(
      scene.takeTranscript().filter((line) => !/ (list|show-|export)/.test(line)),
      [],
      'all is right',
    );
    await make({ hosts: [host, { ...host, mac: '52:54:00:00:00:04', name: 'web2', addresses: ['10.1.2.4'] }] });
    assert.deepEqual(told, ['-HUP -z sk-r1 -x dnsmasq']);
    assert.deepEqual(
      scene.takeTranscript().filter((line) => /boot|halt/.test(line)),
      [],
    );
    await make({ forwards: [{ protocol: 'tcp', port: 80, address: '10.1.2.3', toPort: 8080 }] });
    assert.deepEqual(
      scene.takeTranscript().filter((line) => /boot|halt/.test(line)),
      ['zoneadm -z sk-r1 halt', 'zoneadm -z sk-r1 boot'],
    );
    assert.match(
      await inZone('etc/ipf/ipnat.conf'),
      /^rdr sk525400000101_0 192\.0\.2\.20\/32 port 80 -> 10\.1\.2\.3 port 8080 tcp$/m,
    );
    await scene.type('zoneadm', '-z', 'sk-r1', 'halt');
    assert.deepEqual(await driver.examineRouter('r1', signal()), ['its zone is installed']);
    await make({ forwards: [{ protocol: 'tcp', port: 80, address: '10.1.2.3', toPort: 8080 }] });
    assert.equal(await zones(), 'sk-r1:running');
  });

  it('go with all that was made for them', async () => {
    await make();
    await driver.removeRouter('r1', signal());
    await driver.removeRouter('r1', signal());
    assert.equal(await zones(), '');
    assert.deepEqual(await vnics(), ['sks_lan_0']);
    assert.ok(!existsSync(join(scene.options.stateFolder, 'routers/r1')));
    assert.deepEqual((await driver.readRealised(signal())).routers, []);
  });

  it('are not made of what a router zone does not do, nor in the place of another zone', async () => {
    const bad: [object, RegExp][] = [
      [{ outside: { network: 'wan', mac: '52:54:00:00:01:01', addresses: [], gateways: [] } }, /asks nobody/],
      [{ ingress: [{ name: 'a.example.org', port: 80, servers: [] }] }, /ingress/],
    ];
    for (const [more, words] of bad) await assert.rejects(make(more), failure('network-host', words));
    await assert.rejects(
      driver.makeRouter(router(), [network('lan'), WAN], signal()),
      failure('network-host', /isolated/),
    );
    await scene.type(
      'zonecfg',
      '-z',
      'sk-r1',
      `create -b; set zonepath=${scene.places.zonesFolder}/other; set brand=TRIBwhole`,
    );
    await assert.rejects(make(), failure('network-clash', /sk-r1/));
    await driver.removeRouter('r1', signal());
    assert.equal(await zones(), 'sk-r1:configured');
  });

  it('leave nothing, whichever step fails, and can be made afterwards', async () => {
    for (const step of ['create-vnic', 'zonecfg .* -f', ' install', ' boot'])
      for (const when of timesOf(step)) {
        scene.fault({ of: step, nth: 1, when, how: 'fails' });
        await assert.rejects(make(), (error) => error instanceof Failure, `${step} ${when}`);
        if (step !== ' boot') {
          assert.equal(await zones(), '', `${step} ${when}`);
          assert.deepEqual(await vnics(), ['sks_lan_0'], `${step} ${when}`);
        }
        await make();
        assert.equal(await zones(), 'sk-r1:running', `${step} ${when}`);
        await driver.removeRouter('r1', signal());
      }
  });
});
