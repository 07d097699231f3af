import assert from 'node:assert/strict';
import { cp, lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { readConfig } from '#agent/config.ts';
import { person } from './support/person.ts';
import { MAIN } from './support/rig.ts';
import { testServer } from './support/server.ts';

const inTree = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

interface Outcome {
  exitCode: number;
  lines: string[];
  stderr: string;
}

async function program(file: string, args: readonly string[]): Promise<Outcome> {
  const { exitCode = -1, stdout, stderr } = await execa(file, args, { reject: false, timeout: 60_000 });
  return { exitCode, lines: stdout.split('\n').filter(Boolean), stderr };
}

/** Install a role to its end, in a tree. */
const install = (role: string, args: readonly string[]): Promise<Outcome> =>
  program(process.execPath, [MAIN, 'install', role, ...args]);

/** Every file of a tree with its kind, mode, owner and text. */
async function pictureOf(root: string): Promise<Record<string, string>> {
  const picture: Record<string, string> = {};
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const { mode, uid, gid } = await lstat(path);
    const text = entry.isFile() ? await readFile(path, 'latin1') : entry.isSymbolicLink() ? await readlink(path) : '';
    picture[path.slice(root.length)] = `${mode.toString(8)} ${uid}:${gid} ${text}`;
  }
  return picture;
}

/** By `systemd-analyze security`, from 0 to 10. */
async function exposureOf(root: string, unit: string): Promise<number> {
  const argv = ['security', '--offline=true', `--root=${root}`, '--no-pager', `${unit}.service`];
  const { stdout } = await execa('systemd-analyze', argv);
  return Number(/Overall exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1]);
}

async function writtenDown(role: string): Promise<number> {
  const page = await readFile(inTree('docs/install.md'), 'utf8');
  return Number(new RegExp(`^\\| \`${role}\` \\| ([\\d.]+) \\|`, 'm').exec(page)?.[1]);
}

describe('skerry install, in a tree', function () {
  this.timeout(180_000);
  let root: string;
  beforeEach(async function () {
    // They give files to users.
    if (process.getuid?.() !== 0) this.skip();
    root = await mkdtemp(join(tmpdir(), 'skerry-root-'));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const isRepeatable = async (name: string, args: readonly string[]): Promise<string[]> => {
    const before = await pictureOf(root);
    const checked = await install(name, [...args, '--check']);
    assert.equal(checked.exitCode, 1, checked.stderr);
    assert.deepEqual(await pictureOf(root), before, '--check changes nothing');
    const first = await install(name, args);
    assert.equal(first.exitCode, 0, first.stderr);
    assert.deepEqual(
      checked.lines,
      first.lines.map((line) => `would ${line}`),
    );
    const after = await pictureOf(root);
    const second = await install(name, args);
    assert.deepEqual([second.exitCode, second.lines], [0, []], second.stderr);
    assert.equal((await install(name, [...args, '--check'])).exitCode, 0);
    assert.deepEqual(await pictureOf(root), after);
    return first.lines;
  };

  describe('host', () => {
    let args: string[];
    beforeEach(async () => {
      const files = join(root, 'root');
      await mkdir(files);
      await writeFile(join(files, 'host1.json'), '{"jid":"host1@example.org","password":"Tell-nobody"}');
      await writeFile(join(files, 'ca.pem'), 'the authority');
      const account = ['--credentials', join(files, 'host1.json'), '--ca', join(files, 'ca.pem')];
      args = ['--root', root, ...account, '--service', 'xmpp.example.org', '--admin', 'admin@example.org'];
    });

    it('installs once, and then finds nothing to do', async () => {
      const lines = await isRepeatable('host', args);
      assert.ok(lines.includes('enable skerry-agent.service'));
      assert.doesNotMatch(lines.join('\n'), /Tell-nobody/);
    });

    it('writes a configuration that the agent takes, and a unit that systemd takes', async () => {
      await install('host', args);
      const config = readConfig(join(root, 'etc/skerry/agent.yaml'));
      assert.deepEqual([config.host, config.service.host, config.service.port], ['host1', 'xmpp.example.org', 5222]);
      assert.equal(config.credentials, join(root, 'etc/skerry/credentials.json'));
      assert.deepEqual(config.policy.grants, [{ jid: 'admin@example.org', role: 'admin' }]);
      const unit = join(root, 'etc/systemd/system/skerry-agent.service');
      const { exitCode, stderr } = await execa('systemd-analyze', ['verify', unit], { reject: false });
      assert.deepEqual([exitCode, stderr], [0, '']);
    });

    it('lets the agent make networks where that is asked for, and from then on', async () => {
      const { lines } = await install('host', [...args, '--networks']);
      const more = '/etc/systemd/system/skerry-agent.service.d/networks.conf';
      assert.ok(lines.includes(`write ${more}`), lines.join('\n'));
      const unit = join(root, 'etc/systemd/system/skerry-agent.service');
      const { exitCode, stderr } = await execa('systemd-analyze', ['verify', unit], { reject: false });
      assert.deepEqual([exitCode, stderr], [0, '']);
      await writeFile(join(root, more), '[Service]\n');
      assert.deepEqual((await install('host', ['--root', root])).lines, [`change ${more}`]);
    });

    it('gives it both drivers where zones are asked for', async () => {
      await isRepeatable('host', [...args, '--lxc', '--networks']);
      const { drivers } = readConfig(join(root, 'etc/skerry/agent.yaml'));
      assert.deepEqual(
        drivers.map(({ kind }) => kind),
        ['libvirt', 'lxc'],
      );
      // systemd reads drop-ins by their names: this takes the filter of system calls away, and the administrator's override.conf comes last.
      const more = (await readdir(join(root, 'etc/systemd/system/skerry-agent.service.d'))).sort();
      assert.deepEqual(more, ['networks.conf', 'networks.zones.conf']);
      const unit = join(root, 'etc/systemd/system/skerry-agent.service');
      const { exitCode, stderr } = await execa('systemd-analyze', ['verify', unit], { reject: false });
      assert.deepEqual([exitCode, stderr], [0, '']);
    });

    it('keeps the haproxy of Debian from starting, and leaves one that was there to its users', async () => {
      const unit = join(root, 'etc/systemd/system/haproxy.service');
      await install('host', args);
      await assert.rejects(readlink(unit), /ENOENT/, 'without networks there is none');
      assert.ok((await isRepeatable('host', [...args, '--networks'])).includes('mask haproxy.service'));
      assert.equal(await readlink(unit), '/dev/null');
      await rm(unit);
      await mkdir(join(root, 'lib/systemd/system'), { recursive: true });
      await writeFile(join(root, 'lib/systemd/system/haproxy.service'), '[Service]\n');
      assert.deepEqual((await install('host', ['--root', root])).lines, []);
    });

    it('is no more exposed than docs/install.md says', async () => {
      await install('host', args);
      assert.ok((await exposureOf(root, 'skerry-agent')) <= (await writtenDown('host')));
      await install('host', ['--root', root, '--networks']);
      assert.ok((await exposureOf(root, 'skerry-agent')) <= (await writtenDown('host --networks')));
    });

    it('gives the password to the agent alone', async () => {
      await install('host', args);
      const row = (await readFile(join(root, 'etc/passwd'), 'utf8'))
        .split('\n')
        .find((line) => line.startsWith('skerry:'));
      const { mode, uid } = await lstat(join(root, 'etc/skerry/credentials.json'));
      assert.deepEqual([mode & 0o777, uid], [0o600, Number(row?.split(':')[2])]);
      assert.match(await readFile(join(root, 'etc/group'), 'utf8'), /^libvirt:.*:skerry$/m);
    });

    it('mends what somebody changed, and leaves the configuration to its administrator', async () => {
      await install('host', args);
      const config = join(root, 'etc/skerry/agent.yaml');
      await writeFile(config, '# mine\n');
      await writeFile(join(root, 'etc/systemd/system/skerry-agent.service'), '[Service]\n');
      await execa('chmod', ['644', join(root, 'etc/skerry/credentials.json')]);
      const { lines } = await install('host', ['--root', root]);
      assert.deepEqual(lines, [
        'set the mode of /etc/skerry/credentials.json to 0600',
        'change /etc/systemd/system/skerry-agent.service',
      ]);
      assert.equal(await readFile(config, 'utf8'), '# mine\n');
      const again = await install('host', args);
      assert.deepEqual(again.lines, []);
    });

    it('goes again, and leaves what is the administrator’s', async () => {
      await install('host', args);
      const { exitCode } = await install('host', ['--root', root, '--remove']);
      assert.equal(exitCode, 0);
      const left = Object.keys(await pictureOf(root));
      assert.deepEqual(
        left.filter((path) => /\/(systemd|sysusers\.d)\/.*(skerry|wants\/)/.test(path)),
        [],
      );
      assert.ok(left.includes('/etc/skerry/agent.yaml') && left.includes('/etc/skerry/credentials.json'));
      assert.deepEqual((await install('host', ['--root', root, '--remove'])).lines, []);
    });

    it('reads a token from standard input, so that it stands in no list of processes', async () => {
      const words = [MAIN, 'install', 'host', '--root', root, '--check', '--token', '-'];
      const { stdout } = await execa(process.execPath, words, { input: 'host7@example.org:Secret\n', reject: false });
      assert.match(stdout, /would join as host7@example\.org/);
      assert.doesNotMatch(stdout, /Secret/);
    });

    it('says what it needs', async () => {
      for (const [wrong, message] of [
        [['--root', root], /--token TOKEN is needed, or --credentials FILE, --service HOST\[:PORT\] and --admin JID/],
        [[...args, '--service', 'a b'], /a b is not like/],
        [[...args, '--credentials', join(root, 'none.json')], /none\.json.*ENOENT/],
        [[...args, '--credentials', join(root, 'root/ca.pem')], /jid.*password.*is due/],
        [['--surprise', '--root', root], /surprise/],
      ] as const) {
        const { exitCode, stderr, lines } = await install('host', wrong);
        assert.deepEqual([exitCode, lines], [2, []]);
        assert.match(stderr, message);
        assert.doesNotMatch(stderr, /\n {4}at /);
      }
    });
  });

  describe('server', () => {
    let args: string[];
    beforeEach(async () => {
      // What Debian's package brings.
      for (const folder of ['etc/ejabberd', 'etc/default', 'lib/systemd/system', 'var/lib/ejabberd'])
        await mkdir(join(root, folder), { recursive: true });
      for (const path of ['etc/ejabberd/ejabberd.yml', 'etc/default/ejabberd', 'lib/systemd/system/ejabberd.service'])
        await cp(`/${path}`, join(root, path));
      for (const file of ['passwd', 'group']) {
        const rows = (await readFile(`/etc/${file}`, 'utf8')).split('\n').filter((row) => row.startsWith('ejabberd:'));
        await writeFile(join(root, 'etc', file), `${rows.join('\n')}\n`);
      }
      args = ['--root', root, '--domain', 'example.org', '--name', 'xmpp.example.org'];
    });

    it('installs once, and then finds nothing to do', async () => {
      await isRepeatable('server', args);
    });

    it('keeps what was there, and brings it back', async () => {
      const picture = await pictureOf(root);
      await install('server', args);
      await install('server', [...args, '--name', 'other.example.org']);
      await install('server', ['--root', root, '--remove']);
      const after = await pictureOf(root);
      for (const path of ['/etc/default/ejabberd', '/etc/ejabberd/ejabberd.yml'])
        assert.equal(after[path]?.split(' ').slice(2).join(' '), picture[path]?.split(' ').slice(2).join(' '));
      assert.ok(!Object.keys(after).some((path) => path.startsWith('/etc/ejabberd/skerry')));
    });

    it('renews the certificate for another name, and nothing else', async () => {
      await install('server', args);
      const { lines } = await install('server', [...args, '--name', '10.0.0.1']);
      assert.deepEqual(lines, [
        'change /etc/skerry/server.yaml',
        'make /etc/skerry/pki/server.pem',
        'change /etc/ejabberd/skerry.pem',
      ]);
      assert.deepEqual((await install('server', ['--root', root])).lines, [], 'it goes by what it was told last');
    });

    it('has central beside it, in a unit that systemd takes, no more exposed than docs/install.md says', async () => {
      await install('server', args);
      const config = ['--root', root, '--admin', 'ada@example.org'];
      const inTree = await install('central', config);
      assert.match(inTree.stderr, /accounts are made on a machine that runs/);
      await mkdir(join(root, 'etc/skerry'), { recursive: true });
      await writeFile(join(root, 'etc/skerry/central.yaml'), '# mine\n');
      const { exitCode, stderr } = await install('central', ['--root', root]);
      assert.equal(exitCode, 0, stderr);
      assert.deepEqual((await install('central', ['--root', root])).lines, []);
      const unit = join(root, 'etc/systemd/system/skerry-central.service');
      const verified = await execa('systemd-analyze', ['verify', unit], { reject: false });
      assert.deepEqual([verified.exitCode, verified.stderr], [0, '']);
      assert.ok((await exposureOf(root, 'skerry-central')) <= (await writtenDown('central')));
    });

    it('says what it needs', async () => {
      const without = await install('server', ['--root', root]);
      assert.match(without.stderr, /--domain DOMAIN is needed the first time/);
      const wrong = await install('server', [...args, '--listen', 'everywhere']);
      assert.match(wrong.stderr, /listen\.starttls/);
      await rm(join(root, 'etc/passwd'));
      const nobody = await install('server', args);
      assert.match(nobody.stderr, /no user ejabberd/);
    });
  });

  it('enrol-host makes an account that a host logs in with, and takes it away', async () => {
    const server = await testServer({ accounts: ['alice'] });
    const file = join(root, 'host7.json');
    const at = ['--domain', server.domain, '--socket', join(server.folder, 'api.sock')];
    const enrolled = await program(inTree('provisioning/enrol-host'), ['host7', ...at, '--out', file]);
    assert.equal(enrolled.exitCode, 0, enrolled.stderr);
    const { jid, password } = JSON.parse(await readFile(file, 'utf8'));
    assert.ok(!enrolled.lines.join('\n').includes(password));
    const known = { ...server, account: () => ({ jid, password }) };
    await (await person(known, 'host7')).entity.stop();
    await program(inTree('provisioning/enrol-host'), ['host7', ...at, '--remove']);
    await assert.rejects(person(known, 'host7'), { code: 'login-refused' });
    await server.stop();
  });
});
