import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { agentState, factsIn, parseDefinition } from '#agent/drivers/libvirt/definition.ts';
import { definitionOfForm, type FormGround } from '#agent/drivers/libvirt/short-form.ts';
import { hypervisorOf } from '#agent/drivers/libvirt/uri.ts';
import { elementAt, parseXml, rootOf, type Element as XmlElement, xmlText } from '#agent/drivers/libvirt/xml.ts';
import { Failure } from '#shared/errors.ts';
import { GuestForm } from '#shared/model/guest.ts';
import { recorded } from './fixtures.ts';

const UUID = 'b98bb15e-5d98-4222-adc7-098b6a71ef47';
const says = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Failure && error.code === 'guest-definition', String(error));
  assert.match(error.message, pattern);
  return true;
};

const RICH = `<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <!-- kept: <vcpu>9</vcpu> -->
  <name>rich &amp; strange</name>
  <uuid>${UUID}</uuid>
  <metadata><site:rack xmlns:site='urn:example:site' row='7'>A&#x2603;</site:rack></metadata>
  <memory unit='KiB'>262144</memory>
  <currentMemory unit='KiB'>131072</currentMemory>
  <vcpu placement='static' current='1'>4</vcpu>
  <later-invention><![CDATA[a < b]]></later-invention>
  <devices>
    <vcpu>not ours</vcpu>
    <graphics type='vnc' passwd='secret'/>
  </devices>
  <qemu:commandline><qemu:arg value='-foo'/></qemu:commandline>
</domain>`;

/** All of a document but those elements of its root. */
const rest = (text: string, ...names: string[]): string => {
  const document = parseXml(text, 'domain');
  for (const name of names) {
    const element = elementAt(rootOf(document), name);
    if (element) rootOf(document).removeChild(element);
  }
  return xmlText(document).replace(/\s+/g, ' ');
};

describe('agent/drivers/libvirt: definitions', () => {
  it('reads the name and the UUID', () => {
    const { name, uuid } = parseDefinition(RICH);
    assert.deepEqual({ name, uuid }, { name: 'rich & strange', uuid: UUID });
    const bare = UUID.replaceAll('-', '').toUpperCase();
    assert.equal(parseDefinition(`<domain><name>a</name><uuid>${bare}</uuid></domain>`).uuid, UUID);
    assert.equal(parseDefinition('<domain><name>a</name></domain>').uuid, undefined);
  });

  it('changes what was asked and keeps all the rest', () => {
    const changed = parseDefinition(RICH).with({ vcpus: 3, memoryMiB: 192, title: `It's <new>` }).toString();
    const touched = ['title', 'vcpu', 'memory', 'currentMemory'];
    assert.equal(rest(changed, ...touched), rest(RICH, ...touched));
    const root = rootOf(parseXml(changed, 'domain'));
    assert.equal(elementAt(root, 'title')?.textContent, `It's <new>`);
    assert.equal(elementAt(root, 'vcpu')?.getAttribute('current'), '3');
    assert.equal(elementAt(root, 'vcpu')?.textContent, '4');
    assert.equal(elementAt(root, 'currentMemory')?.textContent, String(192 * 1024));
    assert.equal(elementAt(root, 'memory')?.textContent, '262144', 'a maximum that was meant is kept');
  });

  it('raises a maximum that is too low, and moves one that was no maximum', () => {
    const root = rootOf(parseXml(parseDefinition(RICH).with({ vcpus: 8, memoryMiB: 512 }).toString(), 'domain'));
    assert.equal(elementAt(root, 'vcpu')?.textContent, '8');
    assert.equal(elementAt(root, 'vcpu')?.hasAttribute('current'), false);
    assert.equal(elementAt(root, 'memory')?.textContent, String(512 * 1024));
    const plain = parseDefinition(recorded('dumpxml-off.txt')).with({ memoryMiB: 64, vcpus: 2 }).toString();
    const plainRoot = rootOf(parseXml(plain, 'domain'));
    assert.equal(elementAt(plainRoot, 'memory')?.textContent, '65536');
    assert.equal(elementAt(plainRoot, 'vcpu')?.textContent, '2');
  });

  it('leaves memory alone that is laid out cell by cell', () => {
    const laid = parseDefinition(RICH.replace('<devices>', `<cpu><numa><cell memory='1'/></numa></cpu><devices>`));
    assert.throws(() => laid.with({ memoryMiB: 64 }), says(/laid out in <numa>/));
    assert.match(laid.with({ vcpus: 2 }).toString(), /current="2"/);
  });

  it('takes a title away, and gives another UUID', () => {
    const titled = parseDefinition(RICH).with({ title: 'x' });
    assert.equal(rest(titled.with({ title: '' }).toString()), rest(RICH));
    const other = '00000000-0000-4000-8000-000000000001';
    assert.equal(parseDefinition(RICH).withUuid(other).uuid, other);
    assert.equal(rest(parseDefinition(RICH).withUuid(other).toString(), 'uuid'), rest(RICH, 'uuid'));
  });

  it('refuses what it must not hand on, and says what is wrong', () => {
    const refuse = (text: string, pattern: RegExp) => assert.throws(() => parseDefinition(text), says(pattern));
    refuse('<domain><name>a</domain>', /not well-formed/);
    refuse('<domain><name>a</name></domain><domain/>', /not well-formed/);
    refuse('<domain><name>&undefined;</name></domain>', /not well-formed/);
    refuse('<pool><name>a</name></pool>', /<pool>; <domain> was expected/);
    refuse('<domain type="kvm"/>', /no <name>/);
    refuse('<domain><name>a</name><uuid>12</uuid></domain>', /"12".*32 hexadecimal/);
    refuse('<!DOCTYPE domain [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><domain><name>&b;</name></domain>', /DOCTYPE/);
    refuse('<!doctype domain SYSTEM "file:///etc/passwd"><domain><name>a</name></domain>', /DOCTYPE/);
    refuse(`<domain><name>a</name><description>${'x'.repeat(1_000_001)}</description></domain>`, /at most 1000000/);
    assert.throws(() => parseDefinition(RICH).with({ title: 'a\nb' }), says(/control character/));
  });

  it('never fails otherwise than by saying so, whatever it is given', () => {
    const part = fc.constantFrom(
      '<domain',
      '>',
      '<name>',
      '</name>',
      '</domain>',
      '&',
      '<!--',
      ']]>',
      '"',
      "'",
      'x',
      '\0',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(part).map((parts) => parts.join('')),
        ),
        (text) => {
          try {
            parseDefinition(text);
          } catch (error) {
            says(/./)(error);
          }
        },
      ),
    );
  });

  it('tells what a guest is at the moment, and says so of what is no XML', () => {
    assert.deepEqual(factsIn(recorded('dumpxml-lxc.txt')), { name: 't1', vcpus: 1, memoryMiB: 48 });
    for (const text of ['<domain><os><initenv>a<b</initenv></os></domain>', '<domain/>'])
      assert.throws(
        () => factsIn(text),
        (error) => error instanceof Failure && error.code === 'host-output',
      );
  });

  it('sees whether the guest agent is there', () => {
    assert.equal(agentState(RICH), 'none');
    assert.equal(agentState(recorded('dumpxml-off.txt')), 'disconnected');
    assert.equal(agentState(recorded('dumpxml-running.txt')), 'connected');
  });
});

describe('agent/drivers/libvirt: the short form', () => {
  const ground = (uri: string, ...types: string[]): FormGround => ({
    hypervisor: hypervisorOf(uri),
    domainTypes: types.length > 0 ? new Set(types) : undefined,
    consoleFolder: '/var/log/libvirt/qemu',
    diskFolder: '/srv/roots',
  });
  const form = (more: object = {}) => GuestForm.parse({ name: 'web1', ...more });
  const define = (more: object = {}, on = ground('qemu:///system', 'qemu', 'kvm')) => definitionOfForm(form(more), on);
  const all = (text: string, name: string) => [...rootOf(parseXml(text, 'domain')).getElementsByTagName(name)];

  it('takes KVM where the host has it', () => {
    assert.match(define(), /^<domain type="kvm">/);
    assert.match(define({}, ground('qemu:///system', 'qemu')), /^<domain type="qemu">/);
    assert.throws(() => define({}, ground('qemu:///system')), /not known yet/);
  });

  it('writes each fact where it belongs', () => {
    const text = define({
      vcpus: 3,
      memoryMiB: 640,
      kernel: '/boot/<k>',
      ramdisk: '/boot/r',
      cmdline: 'a="b" & c',
      title: 'Post & office',
      disks: [
        '/srv/a.qcow2',
        '/srv/b.img,bus=scsi',
        '/srv/cd.iso,bus=sata,readonly',
        '/dev/sdz,format=raw',
        '/srv/e,bus=scsi',
      ],
      nics: ['bridge=br0', 'network=default,mac=52:54:00:AB:cd:ef,model=e1000e'],
    });
    const value = (name: string) => all(text, name)[0]?.textContent;
    assert.deepEqual(['name', 'title', 'memory', 'vcpu', 'kernel', 'initrd', 'cmdline'].map(value), [
      'web1',
      'Post & office',
      '640',
      '3',
      '/boot/<k>',
      '/boot/r',
      'a="b" & c',
    ]);
    const part = (element: XmlElement | undefined, name: string, attribute: string) =>
      element?.getElementsByTagName(name)[0]?.getAttribute(attribute);
    const disks = all(text, 'disk');
    assert.deepEqual(
      disks.map((disk) => [part(disk, 'target', 'dev'), part(disk, 'target', 'bus'), part(disk, 'driver', 'type')]),
      [
        ['vda', 'virtio', 'qcow2'],
        ['sda', 'scsi', 'raw'],
        ['sdb', 'sata', 'raw'],
        ['vdb', 'virtio', 'raw'],
        ['sdc', 'scsi', 'raw'],
      ],
    );
    assert.deepEqual(
      disks.map((disk) => disk.getAttribute('device')),
      ['disk', 'disk', 'cdrom', 'disk', 'disk'],
    );
    assert.deepEqual(
      disks.map((disk) => part(disk, 'source', 'dev') ?? ''),
      ['', '', '', '/dev/sdz', ''],
    );
    const nics = all(text, 'interface');
    assert.deepEqual(
      nics.map((nic) => [part(nic, 'source', 'bridge') || part(nic, 'source', 'network'), part(nic, 'model', 'type')]),
      [
        ['br0', 'virtio'],
        ['default', 'e1000e'],
      ],
    );
    assert.equal(part(nics[1], 'mac', 'address'), '52:54:00:ab:cd:ef');
    assert.equal(all(text, 'controller').filter((one) => one.getAttribute('type') === 'scsi').length, 1);
    assert.equal(part(all(text, 'serial')[0], 'log', 'file'), '/var/log/libvirt/qemu/web1-console.log');
  });

  it('names thirty disks', () => {
    const text = define({ disks: Array.from({ length: 30 }, (_, index) => `/srv/${index}`) });
    const names = all(text, 'target').map((target) => target.getAttribute('dev'));
    assert.deepEqual([names[0], names[25], names[26], names[29]], ['vda', 'vdz', 'vdaa', 'vdad']);
  });

  it('says what is wrong with a disk or a nic, and what would be right', () => {
    const bad: [object, RegExp][] = [
      [{ disks: ['srv/a'] }, /disk "srv\/a": the path must begin with \/; write PATH/],
      [{ disks: ['/a,format=vmdk'] }, /format is one of qcow2, raw, not "vmdk"/],
      [{ disks: ['/a,colour=red'] }, /no option "colour"/],
      [{ disks: ['/a,bus=scsi,bus=sata'] }, /bus is given twice/],
      [{ disks: ['/a\nb'] }, /control character/],
      [{ nics: ['br0'] }, /names no bridge and no network; write bridge=NAME/],
      [{ nics: ['bridge='] }, /names no bridge/],
      [{ nics: ['bridge=br0,mac=53:54:00:00:00:00'] }, /"53:54:00:00:00:00" is not the MAC address of one card/],
      [{ nics: ['bridge=br0,model=vmxnet3'] }, /model is one of/],
      [{ nics: ['bridge=br0,target=vnet7'] }, /names that begin with vnet/],
      [{ nics: ['bridge=br0,target=a b'] }, /"a b" is no name for its link/],
      [{ nics: ['bridge=br0,mtu=575'] }, /mtu is a number from 576 to 65535, not "575"/],
    ];
    for (const [more, pattern] of bad) assert.throws(() => define(more), says(pattern), JSON.stringify(more));
  });

  it('knows its URIs', () => {
    assert.throws(() => hypervisorOf('test:///default'), /in each process/);
    assert.throws(() => hypervisorOf('vbox:///session'), /is not one of qemu, test, xen, lxc/);
    for (const uri of [
      'qemu:///system',
      'qemu+unix:///system?socket=/a',
      'qemu+ssh://root@h/system',
      'xen:///',
      'lxc:///',
    ]) {
      assert.ok(hypervisorOf(uri));
    }
  });
});
