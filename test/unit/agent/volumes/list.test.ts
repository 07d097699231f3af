import assert from 'node:assert/strict';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Run } from '#agent/exec/run.ts';
import { qemuVolumes } from '#agent/volumes/qemu/driver.ts';
import { Failure } from '#shared/errors.ts';

describe('the list of volumes', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'skerry-list-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('has one that is no image with why, all that is, and nothing that leads elsewhere', async () => {
    for (const name of ['a.raw', 'half.qcow2', 'notes.txt']) await writeFile(join(folder, name), 'x');
    await symlink('/etc/passwd', join(folder, 'link.raw'));
    const run: Run = async ({ args }) => {
      if (args.at(-1)?.endsWith('half.qcow2')) throw new Failure('host-command', { problem: 'not in qcow2 format' });
      return '{"virtual-size": 512, "actual-size": 4096}';
    };
    const driver = qemuVolumes({ run, host: 'here', folder, services: join(folder, 'services') });
    const signal = AbortSignal.timeout(10_000);
    const [a, half, ...rest] = await driver.list(signal);
    assert.deepEqual(a, { name: 'a.raw', format: 'raw', sizeBytes: 512, usedBytes: 4096 });
    assert.deepEqual([half?.name, half?.format, rest], ['half.qcow2', 'qcow2', []]);
    assert.match(half?.problem ?? '', /not in qcow2 format/);
    await assert.rejects(driver.read('link.raw', signal), /no volume link\.raw/);
  });
});
