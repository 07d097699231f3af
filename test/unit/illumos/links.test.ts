import assert from 'node:assert/strict';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { type IllumosBench, illumosBench } from '../../illumos/bench.ts';
import { escaped, printed } from '../../illumos/columns.ts';
import { isLinkName, plainMac } from '../../illumos/dladm.ts';
import { rebootHost } from '../../illumos/settling.ts';

/** Each test names the section of the manual that it is taken from. */
describe('the model of links and addresses', () => {
  let bench: IllumosBench;
  beforeEach(() => {
    bench = illumosBench();
  });
  afterEach(() => bench[Symbol.dispose]());

  const refuses = async (line: string, message: string) => {
    const ended = await bench.type(line);
    assert.deepEqual({ code: ended.code, stderr: ended.stderr.trim() }, { code: 1, stderr: message });
  };

  it('parts fields by colons, and escapes only where there are several (dladm(8), Parsable Output Format)', async () => {
    await bench.lines('dladm create-vnic -l net0 -m 2:8:20:d6:c7:3c vnic0');
    assert.deepEqual(await bench.lines('dladm show-vnic -p -o macaddress vnic0'), ['2:8:20:d6:c7:3c']);
    assert.deepEqual(await bench.lines('dladm show-vnic -p -o link,macaddress vnic0'), [
      'vnic0:2\\:8\\:20\\:d6\\:c7\\:3c',
    ]);
    assert.deepEqual(await bench.lines('dladm show-link -p -o link,class,mtu,state vnic0'), ['vnic0:vnic:1500:up']);
    assert.match((await bench.type('dladm show-link -p')).stderr, /must be specified in parsable mode/);
    assert.match((await bench.type('dladm show-link -p -o nope')).stderr, /^dladm: unknown output field/);
  });

  it('writes a MAC without leading zeros, whatever was given (dladm(8), MACADDRESS)', async () => {
    await bench.lines('dladm create-etherstub stub0');
    await bench.lines('dladm create-vnic -l net0 -m 02:08:20:0a:00:0f vnic0');
    await refuses(
      'dladm create-vnic -l net0 -m 2:8:20:a:0:f vnic1',
      'dladm: vnic creation over net0 failed: MAC address is already in use',
    );
    await bench.lines('dladm create-vnic -l stub0 -m 2:8:20:a:0:f vnic1');
    assert.deepEqual(await bench.lines('dladm show-vnic -p -o macaddress vnic0'), ['2:8:20:a:0:f']);
    const byte = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(fc.tuple(byte, byte, byte, byte, byte, byte), (bytes) => {
        const long = bytes.map((one) => one.toString(16).padStart(2, '0')).join(':');
        const short = bytes.map((one) => one.toString(16)).join(':');
        const isUnicast = (bytes[0] & 1) === 0 && bytes.some((one) => one > 0);
        assert.equal(plainMac(long), isUnicast ? short : undefined);
      }),
    );
  });

  it('takes back any row that it prints (dladm(8), Parsable Output Format)', () => {
    const cell = fc.string({ maxLength: 12 }).filter((text) => !text.includes('\n'));
    fc.assert(
      fc.property(fc.array(cell, { minLength: 2, maxLength: 4 }), (cells) => {
        const fields = cells.map((_, at) => `F${at}`);
        const row = Object.fromEntries(cells.map((text, at) => [fields[at]!, text]));
        const [line = ''] = printed({ fields, rows: [row] }, { parsable: true, output: fields.join(',') });
        const parts = [...line.matchAll(/((?:\\.|[^:\\])*)(?::|$)/g)].map(([, part = '']) =>
          part.replace(/\\(.)/g, '$1'),
        );
        assert.deepEqual(parts.slice(0, cells.length), cells);
        assert.equal(escaped('a:b\\'), 'a\\:b\\\\');
      }),
    );
  });

  it('names links as the page says (dladm(8), link)', () => {
    for (const name of ['net0', 'znic12', 'a_b1', 'zrstub0', 'x9y0']) assert.ok(isLinkName(name), name);
    for (const name of ['net', '0net', 'net01', 'net-0', `${'a'.repeat(31)}0`, '']) assert.ok(!isLinkName(name), name);
  });

  it('says what is not there, in the words of the source (dladm.c)', async () => {
    await refuses('dladm show-vnic dev0', "dladm: invalid vnic name 'dev0': object not found");
    await refuses('dladm show-link dev0', 'dladm: link dev0 is not valid: object not found');
    await refuses('dladm create-vnic -l dev0 vnic0', "dladm: invalid link name 'dev0': object not found");
    await refuses('dladm create-vnic -l net0 vnic', "dladm: invalid link name 'vnic'");
    await bench.lines('dladm create-vnic -l net0 vnic0');
    await refuses('dladm create-vnic -l net0 vnic0', 'dladm: vnic creation over net0 failed: object already exists');
  });

  it('deletes nothing that something stands on or uses (libdladm.c: link busy)', async () => {
    await bench.lines('dladm create-etherstub stub0');
    await bench.lines('dladm create-vnic -l stub0 vnic0');
    await refuses('dladm delete-etherstub stub0', 'dladm: etherstub deletion failed: link busy');
    await bench.lines('ipadm create-if vnic0');
    await refuses('dladm delete-vnic vnic0', 'dladm: vnic deletion failed: link busy');
    await bench.lines('ipadm delete-if vnic0');
    await bench.lines('flowadm add-flow -l vnic0 -a local_ip=10.0.0.1 vnic0flow');
    await refuses('dladm delete-vnic vnic0', 'dladm: vnic deletion failed: link still has flows');
    await bench.lines('flowadm remove-flow vnic0flow');
    await bench.lines('dladm delete-vnic vnic0');
    await bench.lines('dladm delete-etherstub stub0');
  });

  it('keeps a vnic for the zone that runs on it (dladm(8), zone)', async () => {
    await bench.lines('dladm create-vnic -l net0 vnic0');
    await bench.lines(
      'zonecfg -z a "create -b; set zonepath=/z/a; set ip-type=exclusive; add net; set physical=vnic0; set allowed-address=10.1.2.3/24; end"',
    );
    await bench.lines('zoneadm -z a install');
    await bench.lines('zoneadm -z a boot');
    await refuses('dladm delete-vnic vnic0', 'dladm: vnic deletion failed: link busy');
    await refuses('ipadm create-if vnic0', 'ipadm: cannot create interface vnic0: no such interface');
    assert.deepEqual(await bench.lines('zlogin a ipadm show-if -p -o ifname'), ['lo0', 'vnic0']);
    await bench.lines('zoneadm -z a halt');
    await bench.lines('dladm delete-vnic vnic0');
  });

  it('forgets what is temporary when the host starts again (dladm(8), -t; ipadm(8), -t)', async () => {
    await bench.lines('dladm create-etherstub -t stub0');
    await refuses(
      'dladm create-vnic -l stub0 vnic0',
      "dladm: vnic creation over stub0 failed: can't create persistent object on top of temporary object",
    );
    await bench.lines('dladm create-vnic -t -l stub0 vnic0');
    await bench.lines('dladm create-vnic -l net0 vnic1');
    await bench.lines('dladm create-vnic -l net0 vnic2');
    await bench.lines('dladm delete-vnic -t vnic2');
    await bench.lines('ipadm create-if -t vnic1');
    assert.deepEqual(await bench.lines('dladm show-vnic -p -o link'), ['vnic0', 'vnic1']);
    assert.deepEqual(await bench.lines('dladm show-vnic -P -p -o link'), ['vnic1', 'vnic2']);
    rebootHost(bench.host);
    assert.deepEqual(await bench.lines('dladm show-vnic -p -o link'), ['vnic1', 'vnic2']);
    assert.deepEqual(await bench.lines('ipadm show-if -p -o ifname'), ['lo0', 'net0']);
  });

  it('sets properties, of a vnic also as it is made (dladm(8), create-vnic -p and set-linkprop)', async () => {
    await bench.lines('dladm create-vnic -l net0 -p mtu=1450,maxbw=100M vnic0');
    assert.deepEqual(await bench.lines('dladm show-link -p -o mtu vnic0'), ['1450']);
    assert.deepEqual(await bench.lines('dladm show-linkprop -c -o value -p maxbw vnic0'), ['100M']);
    await bench.lines('dladm set-linkprop -t -p mtu=1400 vnic0');
    assert.deepEqual(await bench.lines('dladm show-linkprop -P -c -o value -p mtu vnic0'), ['1450']);
    await refuses(
      'dladm set-linkprop -p mtu=7 vnic0',
      "dladm: cannot set link property 'mtu' on 'vnic0': invalid value",
    );
    await refuses(
      'dladm set-linkprop -p zone=a vnic0',
      "dladm: cannot set link property 'zone' on 'vnic0': change cannot be persistent",
    );
    await refuses(
      'dladm create-vnic -l net0 -p nope=1 vnic1',
      'dladm: vnic creation over net0 failed: invalid property',
    );
  });

  it('gives, shows and takes addresses (ipadm(8), create-addr)', async () => {
    await bench.lines('dladm create-vnic -l net0 vnic0');
    await bench.lines('ipadm create-if vnic0');
    assert.deepEqual(await bench.lines('ipadm show-if -p -o ifname,state vnic0'), ['vnic0:down']);
    await bench.lines('ipadm create-addr -T static -a 10.1.2.1/24 vnic0/router');
    assert.deepEqual(await bench.lines('ipadm show-addr -p -o addrobj,type,state,addr vnic0/'), [
      'vnic0/router:static:ok:10.1.2.1/24',
    ]);
    await refuses(
      'ipadm create-addr -T static -a 10.1.2.2/24 vnic0/router',
      'ipadm: Could not create address: Address object already exists',
    );
    await bench.lines('ipadm set-ifprop -t -p forwarding=on -m ipv4 vnic0');
    assert.deepEqual(await bench.lines('ipadm show-ifprop -c -o current,persistent -p forwarding -m ipv4 vnic0'), [
      'on:',
    ]);
    await bench.lines('ipadm delete-addr vnic0/router');
    await bench.lines('ipadm delete-if vnic0');
  });

  it('tells the interface that an address is reached by (route(8), get)', async () => {
    const out = await bench.lines('route -n get 192.0.2.77');
    assert.equal(
      out.find((line) => line.includes('interface:')),
      '  interface: net0',
    );
    const far = await bench.lines('route -n get 198.51.100.1');
    assert.equal(
      far.find((line) => line.includes('gateway:')),
      '    gateway: 192.0.2.1',
    );
  });

  it('counts processors and memory (psrinfo(8), prtconf(8))', async () => {
    assert.deepEqual(await bench.lines('psrinfo -t -S on-line'), ['8']);
    assert.deepEqual(await bench.lines('prtconf -m'), ['16384']);
  });
});
