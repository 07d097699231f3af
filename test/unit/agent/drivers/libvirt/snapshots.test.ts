import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import type { Ground } from '#agent/drivers/libvirt/ground.ts';
import { test } from '#agent/drivers/libvirt/hypervisors/test.ts';
import { deleteSnapshot, revertSnapshot, takeSnapshot } from '#agent/drivers/libvirt/snapshots.ts';
import { snapshotVerbs } from '#shared/verbs/snapshot.ts';

const ID = '0a000000-0000-4000-8000-000000000001';
const WORK = { signal: new AbortController().signal, progress: () => {} };

describe('agent/drivers/libvirt: snapshots', () => {
  const asked: { word: string; msMax: number }[] = [];
  const answers: Readonly<Record<string, string>> = {
    dominfo: `${'Name:'.padEnd(16)}web\nUUID: ${ID}\nCPU(s): 1\nMax memory: 1024 KiB\nAutostart: disable\nPersistent: yes\n`,
    domstate: 'shut off (shutdown)',
    'snapshot-list': 'one\n',
    'snapshot-dumpxml': '<domainsnapshot><name>one</name></domainsnapshot>',
  };
  const ground = {
    virsh: {
      read: async ([word = '']: readonly string[]) => answers[word] ?? '',
      slow: async ([word = '']: readonly string[], _: AbortSignal, msMax = 0) => {
        asked.push({ word, msMax });
        return '';
      },
    },
    hypervisor: test,
    ...{ host: 'here', log: { debug() {}, info() {}, warn() {} } },
  } as unknown as Ground;

  it('may take as long as their jobs: the memory of a large guest is written to its disk', async () => {
    await takeSnapshot(ground, ID, 'two', WORK);
    await revertSnapshot(ground, ID, 'one', WORK);
    await deleteSnapshot(ground, ID, 'one', WORK);
    assert.deepEqual(
      asked.map(({ word }) => word),
      ['snapshot-create-as', 'snapshot-revert', 'snapshot-delete'],
    );
    const jobMs = snapshotVerbs['snapshot.take'].timeoutMs;
    for (const { word, msMax } of asked) assert.ok(msMax >= jobMs, `${word} is given ${msMax} ms`);
  });
});
