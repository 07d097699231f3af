import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { type IllumosBench, illumosBench } from '../../illumos/bench.ts';
import { zoneNamed } from '../../illumos/state.ts';
import { forwards } from '../../illumos/zone-life.ts';

/** The steps that Tribblix' zap takes by hand, in its order, to make and to undo a router zone and its children. */
describe('the model of an illumos host, with a router zone', () => {
  let bench: IllumosBench;
  beforeEach(() => {
    bench = illumosBench();
  });
  afterEach(() => bench[Symbol.dispose]());

  const put = (place: string, text: string) => writeFileSync(bench.host.path(place), text);
  const code = async (line: string) => (await bench.type(line)).code;
  const zone = (name: string) => bench.host.read((state) => zoneNamed(state, name)!);
  const passes = (name: string) => bench.host.read((state) => forwards(state, zoneNamed(state, name)!));

  async function makeRouter(more: { guarded?: boolean } = {}): Promise<void> {
    await bench.lines('zfs create rpool/export/zones');
    mkdirSync(bench.host.path('/var/zap/cache'), { recursive: true });
    assert.equal(await code('zoneadm -z r1 list'), 1);
    assert.equal(await code('dladm show-vnic znic0'), 1);
    const way = await bench.lines('route -n get 192.0.2.20');
    assert.ok(way.includes('  interface: net0'));
    await bench.lines('dladm create-vnic -l net0 znic0');
    await bench.lines('flowadm add-flow -l znic0 -a local_ip=192.0.2.20 -p maxbw=100M znic0flow');
    assert.equal(await code('dladm show-etherstub zrstub0'), 1);
    await bench.lines('dladm create-etherstub zrstub0');
    await bench.lines('dladm create-vnic -l zrstub0 znic1');
    await bench.lines('dladm create-vnic -l zrstub0 snic0');
    await bench.lines('ipadm create-if snic0');
    const guard = more.guarded ? 'set allowed-address=192.0.2.20/24\n' : '';
    put(
      '/var/zap/r1.cfg',
      `create -t TRIBwhole\nset autoboot=true\nset zonepath=/export/zones/r1\nset ip-type=exclusive\n` +
        `add net\nset physical=znic0\n${guard}end\nadd net\nset physical=znic1\nend\n` +
        `add fs\nset dir=/var/zap/cache\nset special=/var/zap/cache\nset type=lofs\nadd options ro\nend\nverify\ncommit\n`,
    );
    await bench.lines('zonecfg -z r1 -f /var/zap/r1.cfg');
    await bench.lines('zoneadm -z r1 install -o base -P TRIBnet-ipfilter -P TRIBdnsmasq -P TRIBblix-haproxy2');
    const root = '/export/zones/r1/root/etc';
    put(`${root}/hostname.znic0`, '192.0.2.20/24\n');
    put(`${root}/hostname.znic1`, '10.1.2.1/24\n');
    put(`${root}/defaultrouter`, '192.0.2.1\n');
    put(
      `${root}/rc2.d/S83router`,
      'ipadm set-ifprop -t -p forwarding=on -m ipv4 znic0\nipadm set-ifprop -t -p forwarding=on -m ipv4 znic1\n' +
        'svcadm enable network/ipfilter\nsvcadm enable network/dnsmasq\n',
    );
    await bench.lines('zoneadm -z r1 boot');
  }

  it('comes up by the recorded sequence, forwards, and serves', async () => {
    await makeRouter();
    assert.deepEqual(await bench.lines('zlogin r1 ipadm show-addr -p -o addrobj,addr'), [
      'lo0/v4:127.0.0.1/8',
      'znic0/_a:192.0.2.20/24',
      'znic1/_a:10.1.2.1/24',
    ]);
    assert.deepEqual(await bench.lines('svcs -z r1 -H -o state network/dnsmasq network/ipfilter'), [
      'online',
      'online',
    ]);
    assert.equal(passes('r1'), true);
    assert.deepEqual((await bench.lines('zlogin r1 route -n get 198.51.100.7')).slice(3, 5), [
      '    gateway: 192.0.2.1',
      '  interface: znic0',
    ]);
  });

  it('does not forward where its address is guarded', async () => {
    await makeRouter({ guarded: true });
    assert.equal(passes('r1'), false);
  });

  it('has a child with an address of its own by its etherstub, and one by the shared vnic', async () => {
    await makeRouter();
    await bench.lines('dladm create-vnic -l zrstub0 znic2');
    assert.match((await bench.lines('dladm show-vnic -p -o MACADDRESS znic2'))[0] ?? '', /^2:8:20(:[0-9a-f]{1,2}){3}$/);
    await bench.lines(
      'zonecfg -z web1 "create -t TRIBsparse; set zonepath=/export/zones/web1; set ip-type=exclusive; ' +
        'add net; set physical=znic2; set allowed-address=10.1.2.3/24; set defrouter=10.1.2.1; end"',
    );
    await bench.lines('zoneadm -z web1 install');
    await bench.lines('zoneadm -z web1 boot');
    await bench.lines('svcadm -z r1 restart network/dnsmasq');
    assert.ok((await bench.lines('zlogin web1 route -n get 198.51.100.7')).includes('    gateway: 10.1.2.1'));
    await bench.lines(
      'zonecfg -z web2 "create -t TRIBsparse; set zonepath=/export/zones/web2; ' +
        'add net; set physical=snic0; set address=10.1.2.4/24; end"',
    );
    await bench.lines('zoneadm -z web2 install');
    assert.deepEqual(await bench.type('zoneadm -z web2 boot'), { code: 0, stdout: '', stderr: '' });
  });

  it('goes in the recorded order, and in no other', async () => {
    await makeRouter();
    assert.equal(await code('dladm delete-etherstub zrstub0'), 1);
    assert.equal(await code('zoneadm -z r1 uninstall -F'), 1);
    await bench.lines('zoneadm -z r1 halt');
    await bench.lines('zoneadm -z r1 uninstall -F');
    await bench.lines('zonecfg -z r1 delete -F');
    await bench.lines('flowadm remove-flow znic0flow');
    await bench.lines('dladm delete-vnic znic0');
    await bench.lines('dladm delete-vnic znic1');
    assert.equal(await code('dladm delete-vnic snic0'), 1);
    await bench.lines('ipadm delete-if snic0');
    await bench.lines('dladm delete-vnic snic0');
    await bench.lines('dladm delete-etherstub zrstub0');
    assert.deepEqual(await bench.lines('dladm show-link -p -o link'), ['net0']);
    assert.deepEqual(await bench.lines('zoneadm list -cn'), []);
  });

  it('makes the zones of other brands as they are recorded', async () => {
    await bench.lines(
      'zonecfg -z b1 "create -b; set brand=bhyve; set zonepath=/export/zones/b1; set ip-type=exclusive; ' +
        'add attr; set name=ram; set type=string; set value=2G; end; ' +
        'add attr; set name=cloud-init; set type=string; set value=on; end; ' +
        'add attr; set name=resolvers; set type=string; set value=10.1.2.1,9.9.9.9; end; ' +
        'add attr; set name=sshkey; set type=string; set value=/sshkey.pub; end"',
    );
    assert.deepEqual(await bench.lines('zonecfg -z b1 info brand'), ['brand: bhyve']);
    assert.deepEqual((await bench.lines('zonecfg -z b1 info attr name=resolvers')).at(-1), '\tvalue: 10.1.2.1,9.9.9.9');
    await bench.lines(
      'zonecfg -z l1 "create -t SUNWlx; set zonepath=/export/zones/l1; set ip-type=exclusive; ' +
        'add attr; set name=kernel-version; set type=string; set value=4.4.15; end"',
    );
    await bench.lines('zonecfg -z s1 "create -t SUNWsolaris10; set zonepath=/export/zones/s1"');
    assert.match((await bench.type('zonecfg -z e1 "create -b; set brand=emu; set zonepath=/z"')).stderr, /exclusive/);
    assert.equal(zone('l1').config.brand, 'lx');
  });
});
