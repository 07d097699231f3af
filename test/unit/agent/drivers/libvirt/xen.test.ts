import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { waysToAsk } from '#agent/drivers/libvirt/asking.ts';
import { parseCapabilities } from '#agent/drivers/libvirt/capabilities.ts';
import { openConsole } from '#agent/drivers/libvirt/console.ts';
import { defineGuest, deleteGuest, setGuest } from '#agent/drivers/libvirt/defining.ts';
import { failureOf } from '#agent/drivers/libvirt/failures.ts';
import type { Ground } from '#agent/drivers/libvirt/ground.ts';
import { attachNic, listNics } from '#agent/drivers/libvirt/nics.ts';
import { listGuests, readStats } from '#agent/drivers/libvirt/reading.ts';
import { startGuest } from '#agent/drivers/libvirt/starting.ts';
import { hypervisorOf } from '#agent/drivers/libvirt/uri.ts';
import { VirshError } from '#agent/drivers/libvirt/virsh-session.ts';
import { run } from '#agent/exec/run.ts';
import { runToEnd } from '#agent/exec/run-to-end.ts';
import { Failure } from '#shared/errors.ts';
import { turns } from '#shared/turns.ts';

// There is no Xen here: these are answers in the forms that libvirt's libxl driver documents (https://libvirt.org/drvxen.html,
// virsh(1)), of a host with one PV guest that runs and one PVH guest that is off.

const HOST = '00000000-0000-0000-0000-000000000000';
const WEB = '0b000000-0000-4000-8000-000000000001';
const DB = '0b000000-0000-4000-8000-000000000002';

const CAPABILITIES = `<capabilities>
  <host><cpu><arch>x86_64</arch></cpu><power_management/></host>
  <guest><os_type>xen</os_type><arch name='x86_64'><wordsize>64</wordsize><machine>xenpv</machine><domain type='xen'/></arch></guest>
  <guest><os_type>xenpvh</os_type><arch name='x86_64'><wordsize>64</wordsize><machine>xenpvh</machine><domain type='xen'/></arch></guest>
  <guest><os_type>hvm</os_type><arch name='x86_64'><wordsize>64</wordsize><machine>xenfv</machine><domain type='xen'/></arch></guest>
</capabilities>`;

const NIC = `<interface type='bridge'><mac address='00:16:3e:00:00:01'/><source bridge='br0'/><target dev='vif3.0'/></interface>`;
const definitionOf = (id: string, name: string, live: boolean): string => `<domain type='xen'${live ? " id='3'" : ''}>
  <name>${name}</name><uuid>${id}</uuid>
  <memory unit='KiB'>524288</memory><currentMemory unit='KiB'>524288</currentMemory><vcpu placement='static'>2</vcpu>
  <os><type arch='x86_64' machine='xenpv'>linux</type><kernel>/boot/netbsd-XEN3_DOMU</kernel><cmdline>root=xbd0</cmdline></os>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/srv/root.img'/><target dev='xvda' bus='xen'/><readonly/></disk>
    ${NIC}
    <console type='pty'${live ? " tty='/dev/pts/nobody'" : ''}>${live ? "<source path='/dev/pts/nobody'/>" : ''}<target type='xen' port='0'/></console>
  </devices>
</domain>`;

const row = (label: string, value: string): string => `${`${label}:`.padEnd(16)}${value}\n`;
const dominfo = (id: string, name: string, live: boolean): string =>
  [
    row('Id', live ? '3' : '-'),
    row('Name', name),
    row('UUID', id),
    row('OS Type', 'linux'),
    row('State', live ? 'no state' : 'shut off'),
    row('CPU(s)', '2'),
    ...(live ? [row('CPU time', '12.5s')] : []),
    row('Max memory', '524288 KiB'),
    row('Used memory', '524288 KiB'),
    row('Persistent', 'yes'),
    row('Autostart', live ? 'enable' : 'disable'),
    row('Managed save', 'no'),
  ].join('');

const UNSUPPORTED = (what: string): string => `error: this function is not supported by the connection driver: ${what}`;

describe('agent/drivers/libvirt: a host of Xen, as its answers are documented', () => {
  let stateFolder = '';
  /** What changed something, in order; a definition as its text. */
  let done: string[][] = [];
  const signal = (): AbortSignal => AbortSignal.timeout(10_000);

  async function answer([word = '', ...words]: readonly string[]): Promise<string> {
    const id = words.at(-1) ?? '';
    const live = id === WEB && !words.includes('--inactive');
    const name = id === WEB ? 'web1' : 'db1';
    const fail = (said: string): never => {
      throw failureOf(new VirshError(word, said));
    };
    if (word === 'list' && words.includes('--name')) return `${HOST} Domain-0\n${WEB} web1\n${DB} db1\n`;
    if (word === 'list' && words.includes('--title'))
      return ' 0    Domain-0   running    \n 3    web1       no state   the web\n -    db1        shut off   \n';
    if (word === 'list') return words.includes('--autostart') ? `${WEB}\n` : `${HOST}\n${WEB}\n${DB}\n`;
    if (word === 'domstats') return fail(UNSUPPORTED('virConnectGetAllDomainStats'));
    if (id === HOST) return fail('error: Domain-0 was asked for');
    if (word === 'dominfo') return dominfo(id, name, live);
    if (word === 'domstate') return live ? 'no state (unknown)\n' : 'shut off (unknown)\n';
    if (word === 'desc') return live ? 'the web\n' : '\n';
    if (word === 'dumpxml') return definitionOf(id, name, live);
    throw new Error(`not asked for: ${word} ${words.join(' ')}`);
  }
  async function change(words: readonly string[]): Promise<string> {
    if (words[0] === 'domstats') return answer(words);
    done.push(await Promise.all(words.map((each) => (each.startsWith(stateFolder) ? readFile(each, 'utf8') : each))));
    return '';
  }
  const ground = (): Ground => ({
    ...{ uri: 'xen:///system', hypervisor: hypervisorOf('xen:///system'), host: 'here', root: '', stateFolder },
    virsh: { read: answer, slow: change, close: async () => {} },
    log: { debug() {}, info() {}, warn() {} },
    capabilities: async () => parseCapabilities(CAPABILITIES),
    ...{ run, runToEnd },
    inTurn: turns(),
  });

  beforeEach(async () => {
    stateFolder = await mkdtemp(join(tmpdir(), 'skerry-xen-'));
    done = [];
  });
  afterEach(() => rm(stateFolder, { recursive: true }));

  it('offers domains of Xen', () => {
    assert.deepEqual([...parseCapabilities(CAPABILITIES).domainTypes], ['xen']);
  });

  it('lists its guests, and not itself', async () => {
    assert.deepEqual(
      (await listGuests(ground(), signal())).map(({ name, state, memoryMiB, autostart, title }) => ({
        ...{ name, state, memoryMiB, autostart, title },
      })),
      [
        { name: 'web1', state: 'running', memoryMiB: 512, autostart: true, title: 'the web' },
        { name: 'db1', state: 'shutoff', memoryMiB: 512, autostart: false, title: undefined },
      ],
    );
    assert.deepEqual(await readStats(ground(), WEB, signal()), { name: 'web1', state: 'running', cpuTimeS: 12.5 });
  });

  it('takes its own id for that of no guest, whatever is asked', async () => {
    const missing = (error: unknown): boolean => error instanceof Failure && error.code === 'guest-not-found';
    await assert.rejects(startGuest(ground(), HOST, false, [], signal()), missing);
    await assert.rejects(deleteGuest(ground(), HOST, signal()), missing);
    await assert.rejects(setGuest(ground(), HOST, { vcpus: 1 }, signal()), missing);
    assert.deepEqual(done, []);
  });

  it('defines a guest anew under its own id, and starts it paused', async () => {
    const text = definitionOf(DB, 'db1', false).replace(`<uuid>${DB}</uuid>`, '');
    assert.equal((await defineGuest(ground(), text, true, signal())).name, 'db1');
    const [word, defined = ''] = done.shift() ?? [];
    assert.equal(word, 'define');
    assert.ok(defined.includes(`<uuid>${DB}</uuid>`), defined);
    await startGuest(ground(), DB, true, [], signal());
    assert.deepEqual(done, [['start', DB, '--paused']]);
  });

  it('puts boot parameters on the command line of a kernel that the host boots', async () => {
    await startGuest(ground(), DB, false, [{ name: 'altaddr', value: '10.99.0.12' }], signal());
    assert.match(done[0]?.[1] ?? '', /<cmdline>root=xbd0 altaddr=10\.99\.0\.12<\/cmdline>/);
    assert.doesNotMatch(done[0]?.[1] ?? '', /fwcfg|initenv/);
  });

  it('is asked by Xen itself, then by ACPI', async () => {
    const asked = await waysToAsk(ground(), WEB, 'shutdown', signal());
    assert.deepEqual(asked, [
      ['shutdown', WEB, '--mode', 'paravirt'],
      ['shutdown', WEB, '--mode', 'acpi'],
    ]);
    assert.deepEqual(await waysToAsk(ground(), WEB, 'reboot', signal()), [['reboot', WEB, '--mode', 'paravirt']]);
  });

  it('gives an interface of Xen, and puts one on another bridge by giving it anew', async () => {
    assert.equal((await listNics(ground(), WEB, signal()))[0]?.mac, '00:16:3e:00:00:01');
    const nic = { mac: '00:16:3e:00:00:02', bridge: 'sk-lan', link: 'sk00163e000002', mtu: 1450 };
    await attachNic(ground(), WEB, nic, signal());
    assert.match(done[0]?.[1] ?? '', /<model type="netfront"\/>/);
    assert.deepEqual([done[1]?.[0], done[1]?.at(-1)], ['attach-device', '--live']);
    done = [];
    await attachNic(ground(), WEB, { ...nic, mac: '00:16:3e:00:00:01' }, signal());
    assert.deepEqual(
      done.map(([word]) => word),
      ['define', 'detach-device', 'attach-device'],
    );
  });

  it('has a console on a terminal of xenconsoled', async () => {
    const closed = (error: unknown): boolean => error instanceof Failure && error.code === 'console-closed';
    await assert.rejects(openConsole(ground(), WEB, signal()), closed); // the terminal is nobody's
    await assert.rejects(openConsole(ground(), DB, signal()), closed);
  });
});
