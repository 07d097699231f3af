import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { after, before, describe, it } from 'mocha';
import { stringify } from 'yaml';
import { buildPackages, debianArchitecture } from '#provisioning/debian/build.ts';
import { DEBIAN_PACKAGES } from '#provisioning/debian/packages.ts';
import { releasePapers } from '#provisioning/debian/release.ts';
import { bootMachine, type DebianMachine, leanRoot } from './support/debian-machine.ts';
import { until } from './support/until.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const UNITS = ['skerry-agent', 'skerry-central'];
const UP_MS_MAX = 120_000;
const SERVICE = { host: '127.0.0.1', port: 5222 };
const AGENT = {
  jid: 'host1@example.org',
  credentials: 'credentials.json',
  service: SERVICE,
  driver: { kind: 'fake' },
  state: '/var/lib/skerry',
  policy: { grants: [{ jid: 'admin@example.org', role: 'admin' }] },
};
const CENTRAL = {
  jid: 'central.example.org',
  secret: 'central-secret.json',
  service: { host: '127.0.0.1', port: 5275 },
  state: '/var/lib/skerry-central',
  policy: { grants: [{ jid: 'admin@example.org', role: 'admin' }] },
};

describe('Debian packages', function () {
  this.timeout(300_000);
  let folder: string;
  let machine: DebianMachine;
  const pids = new Map<string, string>();
  const build = (name: string, version: string) =>
    buildPackages({ root: ROOT, out: join(folder, name), version, compression: 'none' });

  before(async function () {
    // They are tried on a machine of their own, which only root can start.
    if (process.getuid?.() !== 0) this.skip();
    folder = await mkdtemp(join(tmpdir(), 'skerry-packages-'));
    await build('old', '0.0.1');
    machine = await bootMachine(await leanRoot('libatomic1', 'libstdc++6'), { '/packages': folder });
  });
  after(async () => {
    await machine?.stop();
    if (folder) await rm(folder, { recursive: true });
  });

  const install = async (name: string): Promise<void> => {
    const files = (await readdir(join(folder, name))).filter((file) => file.endsWith('.deb'));
    await machine.run(['dpkg', '-i', ...files.map((file) => `/packages/${name}/${file}`)]);
  };
  const remove = (how: '--remove' | '--purge') =>
    machine.run(['dpkg', how, ...DEBIAN_PACKAGES.map(({ name }) => name).reverse()]);
  const write = (path: string, text: string) =>
    machine.run(['sh', '-c', 'mkdir -p "$(dirname "$0")" && cat >"$0"', path], text);
  const paths = async () =>
    (await machine.run(['find', '/etc', '/usr', '/var/lib', '-xdev', '!', '-path', '/var/lib/dpkg/*'])).split('\n');
  const isActive = async (unit: string) => (await machine.exitCode(['systemctl', '--quiet', 'is-active', unit])) === 0;
  /** It has read its configuration, and its database is open; then it dials a server that is not there. @returns its number */
  const isUp = (unit: string, notPid?: string) =>
    until(
      `${unit} has its database open`,
      async () => {
        const pid = await machine.run(['systemctl', 'show', '-P', 'MainPID', unit]);
        if (pid === '0' || pid === notPid) return undefined;
        const open = await machine.run([
          'sh',
          '-c',
          'find "/proc/$0/fd" -lname "/var/lib/skerry*" 2>/dev/null || true',
          pid,
        ]);
        return open === '' ? undefined : pid;
      },
      UP_MS_MAX,
    ).catch(async (error) => {
      throw new Error(await machine.run(['journalctl', '--no-pager', '--lines', '20', '--unit', unit]), {
        cause: error,
      });
    });

  it('are the same bytes, wherever and whenever they are built', async () => {
    const { umask } = process;
    const zone = process.env.TZ;
    const before = umask(0o077);
    process.env.TZ = 'Pacific/Auckland';
    try {
      await build('again', '0.0.1');
    } finally {
      umask(before);
      if (zone === undefined) delete process.env.TZ;
      else process.env.TZ = zone;
    }
    for (const name of await readdir(join(folder, 'old')))
      assert.equal(await sha256(join(folder, 'again', name)), await sha256(join(folder, 'old', name)), name);
  });

  it('have a bill of materials and checksums beside them', async () => {
    const out = join(folder, 'old');
    const packages = (await readdir(out)).filter((name) => name.endsWith('.deb'));
    await releasePapers({ root: ROOT, out, version: '0.0.1', compression: 'none' }, packages);
    await execa('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: out });
    const bill = JSON.parse(await readFile(join(out, 'skerry-0.0.1.cdx.json'), 'utf8'));
    const names: string[] = bill.components.map(({ name }: { name: string }) => name);
    const { dependencies, devDependencies } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
    for (const name of Object.keys(dependencies)) assert.ok(names.includes(name), name);
    for (const name of Object.keys(devDependencies)) assert.ok(!names.includes(name), name);
  });

  it('please lintian', async function () {
    // Some 120 packages of Perl for one look: it runs where it is.
    if (!existsSync('/usr/bin/lintian')) this.skip();
    const files = DEBIAN_PACKAGES.map(({ name, architecture }) =>
      join(folder, 'old', `${name}_0.0.1_${architecture === 'all' ? 'all' : debianArchitecture()}.deb`),
    );
    const unpacked = 'uses-no-compression-for-control-tarball,uses-no-compression-for-data-tarball';
    const { stdout } = await execa('lintian', ['--suppress-tags', unpacked, '--allow-root', ...files]);
    assert.equal(stdout, '');
  });

  it('install with no network, and start nothing that has no configuration', async () => {
    const found = await paths();
    await install('old');
    for (const unit of UNITS) assert.ok(!(await isActive(unit)), unit);
    assert.match(await machine.run(['skerry', 'help', 'guest', 'start']), /Start a guest/);
    assert.ok(!found.includes('/usr/bin/skerry'));
    await assert.rejects(machine.run(['skerry', 'status']), /installed from packages here/);
    // Every library is there that is named, and can be loaded by anybody.
    const { dependencies } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
    const names = Object.keys(dependencies).filter((name) => name !== 'node');
    const script = names.map((name) => `await import(${JSON.stringify(name)});`).join('');
    await write('/usr/lib/skerry/load.mjs', script);
    const node = '/usr/lib/skerry/node_modules/.bin/node';
    await machine.run([
      'setpriv',
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      node,
      '/usr/lib/skerry/load.mjs',
    ]);
    await machine.run(['rm', '/usr/lib/skerry/load.mjs']);
  });

  it('run as systemd starts them, each as its user', async () => {
    await write('/etc/skerry/agent.yaml', stringify(AGENT));
    await write('/etc/skerry/credentials.json', JSON.stringify({ jid: AGENT.jid, password: 'secret' }));
    await write('/etc/skerry/central.yaml', stringify(CENTRAL));
    await write(
      '/etc/skerry/central-secret.json',
      JSON.stringify({ jid: CENTRAL.jid, secret: 'not much of a secret' }),
    );
    for (const [user, file] of [
      ['skerry', 'credentials'],
      ['skerry-central', 'central-secret'],
    ]) {
      await machine.run(['chown', `${user}:${user}`, `/etc/skerry/${file}.json`]);
      await machine.run(['chmod', '0600', `/etc/skerry/${file}.json`]);
    }
    await machine.run(['systemctl', '--quiet', 'enable', '--now', ...UNITS]);
    for (const unit of UNITS) pids.set(unit, await isUp(unit));
    const users = await machine.run(['stat', '--format', '%U %a', '/var/lib/skerry', '/var/lib/skerry-central']);
    assert.equal(users, 'skerry 700\nskerry-central 700');
  });

  it('are upgraded with their state, and start anew', async () => {
    await machine.run(['touch', '/var/lib/skerry/kept', '/var/lib/skerry-central/kept']);
    await build('new', '0.0.2');
    await install('new');
    for (const unit of UNITS) await isUp(unit, pids.get(unit));
    await machine.run(['ls', '/var/lib/skerry/kept', '/var/lib/skerry-central/kept', '/etc/skerry/agent.yaml']);
    assert.match(await machine.run(['dpkg', '--status', 'skerry-agent']), /^Version: 0\.0\.2$/m);
  });

  it('go, and keep what is the administrator’s; a purge leaves nothing', async () => {
    await remove('--remove');
    for (const unit of UNITS) assert.ok(!(await isActive(unit)), unit);
    assert.notEqual(await machine.exitCode(['test', '-e', '/usr/lib/skerry']), 0);
    await machine.run(['ls', '/var/lib/skerry/kept', '/var/lib/skerry-central/kept', '/etc/skerry/agent.yaml']);
    await remove('--purge');
    assert.deepEqual(
      (await paths()).filter((path) => /skerry/.test(path)),
      [],
    );
    assert.doesNotMatch(await machine.run(['getent', 'passwd']), /skerry/);
  });
});

const sha256 = async (path: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
