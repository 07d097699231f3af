import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { after, before, describe, it } from 'mocha';
import { buildZoneRoot } from '#provisioning/zones/root.ts';
import { debianRoot } from './support/debian-root.ts';
import { until } from './support/until.ts';
import { startZone, type Zone } from './support/zone.ts';

const UP_MS_MAX = 120_000;
const LXC_PACKAGES = ['lxc', 'squashfs-tools', 'xz-utils', 'zstd'];

/** Its systemd has control groups of version 2 alone, with those controllers that the kernel does not have in version 1. */
describe('a host with LXC under systemd', function () {
  this.timeout(300_000);
  let machine: Zone;
  before(async function () {
    if (process.getuid?.() !== 0) this.skip();
    const [root, zoneRoot] = await Promise.all([
      debianRoot('trixie', LXC_PACKAGES),
      buildZoneRoot(join(tmpdir(), 'skerry-guest-cache')),
    ]);
    machine = await startZone('centre', root);
    // An overlay, which the machine's root is, shows no files shifted.
    await does('sh', '-c', 'mount -t tmpfs tmpfs /srv && mount -t tmpfs -o mode=755 tmpfs /var/lib/lxc');
    await execa('cp', ['-a', zoneRoot, `/proc/${machine.pid}/root/srv/annex`]);
    await skerry('install', 'all-in-one', '--lxc', '--domain', 'example.org', '--admin', 'ada@example.org');
    await until('the host is up', async () => /\bup\b/.test(await skerry('host', 'list')) || undefined, UP_MS_MAX);
  });
  after(async () => {
    await machine?.stop();
  });

  const does = async (...argv: string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await machine.run(argv);
    assert.equal(exitCode, 0, `${argv.join(' ')}: ${stdout}${stderr}`);
    return stdout;
  };
  const skerry = async (...words: string[]): Promise<string> => {
    const { exitCode, lines, stderr } = await machine.skerry(...words);
    assert.equal(exitCode, 0, `${words.join(' ')}: ${lines.join('\n')}${stderr}`);
    return lines.join('\n');
  };
  const pidOf = async (zone: string): Promise<string> => (await does('lxc-info', '-n', zone, '-pH')).trim();

  it('makes a zone and starts it, in a group that is nobody else’s', async () => {
    await skerry('guest', 'define', 'annex', 'centre', 'driver=lxc', 'disk=/srv/annex');
    await skerry('guest', 'start', 'annex');
    assert.match(await skerry('guest', 'info', 'annex'), /running/);
    const group = await does('cat', `/proc/${await pidOf('annex')}/cgroup`);
    assert.match(group, /^0::\/(?:.*\/)?lxc\.payload\.annex/m);
    assert.match(await does('stat', '-f', '-c', '%T', '/sys/fs/cgroup'), /cgroup2/);
  });

  it('stops it, and leaves no group of it', async () => {
    await skerry('guest', 'shutdown', 'annex', 'forceAfterS=20', '--yes');
    assert.match(await skerry('guest', 'info', 'annex'), /shutoff/);
    assert.equal(await does('find', '/sys/fs/cgroup', '-name', 'lxc.payload.annex*'), '');
  });
});
