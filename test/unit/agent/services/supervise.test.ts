import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

const SCRIPT = fileURLToPath(new URL('../../../../agent/services/supervise.sh', import.meta.url));

describe('what keeps a service up', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'skerry-supervise-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const supervised = () => execa('sh', [SCRIPT, folder, 'some', folder], { timeout: 10_000 });

  it('ends where there is nothing to run, as when that was taken away before it had begun', async () => {
    await supervised();
  });

  it('ends when what it ran takes away what is to be run', async () => {
    await writeFile(join(folder, 'run-some'), `rm ${folder}/run-some\n`);
    assert.equal((await supervised()).exitCode, 0);
  });
});
