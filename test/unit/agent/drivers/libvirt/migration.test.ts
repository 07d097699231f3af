import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseJobInfo } from '#agent/drivers/libvirt/migration/job-info.ts';
import { bytesIn, filesBelow, Offer } from '#agent/drivers/libvirt/migration/offer.ts';
import { elementAt, parseXml, rootOf } from '#agent/drivers/libvirt/xml.ts';
import { Failure } from '#shared/errors.ts';

/** As virsh 9.0 prints it, of a guest that is half there. */
const HALF = `Job type:         Unbounded
Operation:        Outgoing migration
Time elapsed:     1234         ms
Data processed:   40.000 MiB
Data remaining:   64.000 MiB
Data total:       128.000 MiB
Memory processed: 40.000 MiB
`;

describe('what libvirt says of a move', () => {
  it('is how much is left, of all', () => {
    assert.deepEqual(parseJobInfo(HALF), {
      ...{ type: 'unbounded', operation: 'Outgoing migration', percent: 50, left: '64.000 MiB' },
    });
  });

  it('is that there is none, also where it says nothing', () => {
    for (const said of ['Job type:         None        \n\n', ''])
      assert.deepEqual([parseJobInfo(said).type, parseJobInfo(said).percent], ['none', undefined]);
  });

  it('never is more than it can be read as', () => {
    fc.assert(fc.property(fc.string(), (text) => typeof parseJobInfo(text).type === 'string'));
  });

  it('has the size of a disk, or is refused', () => {
    const said = 'Capacity:       16777216\nAllocation:     200704\nPhysical:       196616\n';
    assert.deepEqual([bytesIn(said, 'Capacity'), bytesIn(said, 'Allocation')], [16_777_216, 200_704]);
    assert.throws(
      () => bytesIn('error', 'Capacity'),
      (error) => error instanceof Failure && error.code === 'host-output',
    );
  });
});

describe('what a guest needs at another host', () => {
  const offer = (name: string) => ({
    ...{ hypervisor: 'qemu', runs: true, autostart: false, needs: [], bridges: [] },
    copies: [{ device: 'vda', name, format: 'qcow2', sizeBytes: 1, usedBytes: 1 }],
  });

  it('names a disk by its file alone: nothing that leads out of the folder of disks', () => {
    assert.ok(Offer.safeParse(offer('web1.qcow2')).success);
    for (const name of ['', '.', '..', '../web1', '/etc/passwd', 'a/b', 'a\0b'])
      assert.ok(!Offer.safeParse(offer(name)).success, name);
  });

  it('has in its disk what it takes of all that hangs below', () => {
    const disk = (inside: string) => {
      const text = `<domain><disk><source file='/d/top'/>${inside}</disk></domain>`;
      return elementAt(rootOf(parseXml(text, 'domain')), 'disk') ?? assert.fail(text);
    };
    const lowest = "<backingStore type='file'><source file='/d/lowest'/><backingStore/></backingStore>";
    const whole = `<backingStore type='file'><format type='qcow2'/><source file='/d/middle'/>${lowest}</backingStore>`;
    assert.deepEqual(filesBelow(disk(whole)), ['/d/middle', '/d/lowest']);
    assert.deepEqual(filesBelow(disk('<backingStore/>')), []);
    assert.deepEqual(filesBelow(disk('')), []);
  });
});
