import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { putLeasesAside, takeLeasesBack } from '#agent/networks/linux/router/kept-leases.ts';

const LEASE = '1795315531 06:53:00:00:00:01 10.99.0.12 venti *\n';

describe('leases of a router that is removed', () => {
  let folder: string;
  const router = async (name: string, leases?: string): Promise<void> => {
    await mkdir(join(folder, name));
    if (leases !== undefined) await writeFile(join(folder, name, 'leases'), leases);
  };
  const leasesOf = (name: string) => readFile(join(folder, name, 'leases'), 'utf8');

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'skerry-leases-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('are its own again when it is made again', async () => {
    await router('gate', LEASE);
    await putLeasesAside(folder, 'gate', Date.now());
    await rm(join(folder, 'gate'), { recursive: true });
    await router('gate');
    await router('other');
    await takeLeasesBack(folder, 'other');
    await takeLeasesBack(folder, 'gate');
    assert.equal(await leasesOf('gate'), LEASE);
    assert.deepEqual(await readdir(join(folder, 'other')), []);
  });

  it('give way to those that it has by then', async () => {
    await router('gate', LEASE);
    await putLeasesAside(folder, 'gate', Date.now());
    await writeFile(join(folder, 'gate', 'leases'), 'newer');
    await takeLeasesBack(folder, 'gate');
    assert.equal(await leasesOf('gate'), 'newer');
  });

  it('are none where it never gave any, and are forgotten after long', async () => {
    await router('gate');
    await putLeasesAside(folder, 'gate', Date.now());
    await takeLeasesBack(folder, 'gate');
    assert.deepEqual(await readdir(join(folder, 'gate')), []);
    await writeFile(join(folder, '.leases', 'old'), LEASE);
    const longAgo = new Date(Date.now() - 31 * 86_400_000);
    await utimes(join(folder, '.leases', 'old'), longAgo, longAgo);
    await putLeasesAside(folder, 'gate', Date.now());
    assert.deepEqual(await readdir(join(folder, '.leases')), []);
  });
});
