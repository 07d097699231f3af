import assert from 'node:assert/strict';
import { disksIn, isWritten, putOnFiles } from '#agent/drivers/libvirt/disk-xml.ts';
import { parseSnapshot } from '#agent/drivers/libvirt/snapshot-xml.ts';
import { parseXml, xmlText } from '#agent/drivers/libvirt/xml.ts';

const XML = `<domain><devices>
  <disk type="file" device="disk"><driver name="qemu" type="qcow2"/><source file="/d/a.qcow2" index="1"/>
    <backingStore type="file"><source file="/d/base"/></backingStore><target dev="vda" bus="virtio"/></disk>
  <disk type="file" device="disk"><source file="/d/b"/><target dev="vdb" bus="virtio"/></disk>
  <disk type="file" device="cdrom"><driver name="qemu" type="raw"/><source file="/d/c.iso"/><target dev="sda"/><readonly/></disk>
  <disk type="block" device="disk"><driver name="qemu" type="raw"/><source dev="/dev/x"/><target dev="vdc"/></disk>
  <disk type="file" device="cdrom"><target dev="sdb"/><readonly/></disk>
</devices></domain>`;

describe('disks in a definition', () => {
  it('are read with what they are kept in, and which of them are written to', () => {
    assert.deepEqual(
      disksIn(XML).map(({ device, file, format }) => [device, file, format]),
      [
        ['vda', '/d/a.qcow2', 'qcow2'],
        ['vdb', '/d/b', 'raw'],
        ['sda', '/d/c.iso', 'raw'],
        ['vdc', undefined, 'raw'],
        ['sdb', undefined, 'raw'],
      ],
    );
    assert.deepEqual(
      disksIn(XML)
        .filter(isWritten)
        .map(({ device }) => device),
      ['vda', 'vdb', 'vdc'],
    );
    assert.deepEqual(disksIn('<domain/>'), []);
  });

  it('are put on other files, those that are named and no others, with nothing left of what was below', () => {
    const document = parseXml(XML, 'domain');
    putOnFiles(
      document,
      new Map([
        ['vda', { file: '/d/new', format: 'raw' }],
        ['vdb', { file: '/d/over', format: 'qcow2' }],
      ]),
    );
    const text = xmlText(document);
    assert.deepEqual(
      disksIn(text).map(({ file, format }) => `${file} ${format}`),
      ['/d/new raw', '/d/over qcow2', '/d/c.iso raw', 'undefined raw', 'undefined raw'],
    );
    assert.doesNotMatch(text, /backingStore|\/d\/base/);
  });
});

describe('what virsh prints of a snapshot', () => {
  const snapshot = (inner: string) => parseSnapshot(`<domainsnapshot><name>a</name>${inner}</domainsnapshot>`);
  it('is read, with its state where memory was kept', () => {
    const at = '<creationTime>1764345600</creationTime>';
    const taken = { name: 'a', takenAt: '2025-11-28T16:00:00.000Z' };
    assert.deepEqual(snapshot(`<state>running</state>${at}`), { ...taken, state: 'running' });
    assert.deepEqual(snapshot(`<state>shutoff</state>${at}`), taken);
    assert.deepEqual(snapshot(`<state>disk-snapshot</state>${at}`), taken);
    assert.deepEqual(snapshot(''), { name: 'a' });
  });
});
