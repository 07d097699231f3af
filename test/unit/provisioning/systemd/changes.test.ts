import assert from 'node:assert/strict';
import {
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { bringAbout, file, folder } from '#provisioning/systemd/changes.ts';
import { type Ground, groundAt } from '#provisioning/systemd/ground.ts';
import { goingOn, packages } from '#provisioning/systemd/system-changes.ts';
import { Failure } from '#shared/errors.ts';

const NOBODY = 65_534;

describe('changes of an installation', () => {
  let root: string;
  let ground: Ground;
  beforeEach(function () {
    // They give files to users.
    if (process.getuid?.() !== 0) this.skip();
    root = mkdtempSync(join(tmpdir(), 'skerry-changes-'));
    ground = groundAt(root);
    mkdirSync(join(root, 'service'));
    writeFileSync(join(root, 'of-another'), 'as it was', { mode: 0o644 });
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));
  const bring = (...changes: Parameters<typeof bringAbout>[0]): Promise<string[]> =>
    bringAbout(changes, false, () => {});

  it('write no file through a link that a service put in the way', async () => {
    symlinkSync(join(root, 'of-another'), join(root, 'service/config.new'));
    await bring(file(ground, '/service/config', 'new', { mode: 0o600 }));
    assert.equal(readFileSync(join(root, 'service/config'), 'utf8'), 'new');
    assert.equal(statSync(join(root, 'service/config')).mode & 0o777, 0o600);
    assert.equal(readFileSync(join(root, 'of-another'), 'utf8'), 'as it was');
    assert.equal(statSync(join(root, 'of-another')).mode & 0o777, 0o644);
  });

  it('take a folder that root has led to another disk as it is, and one that a service has not', async () => {
    mkdirSync(join(root, 'disk'), { mode: 0o755 });
    symlinkSync(join(root, 'disk'), join(root, 'service/upload'));
    const change = folder(ground, '/service/upload', { mode: 0o700 });
    assert.deepEqual(await bring(change), ['set the mode of /service/upload to 0700']);
    assert.deepEqual(await bring(change), []);
    lchownSync(join(root, 'service/upload'), NOBODY, NOBODY);
    await assert.rejects(bring(folder(ground, '/service/upload', { mode: 0o711 })), { code: 'setup-needed' });
    assert.equal(statSync(join(root, 'disk')).mode & 0o777, 0o700);
  });

  it('take a package that is there for two architectures as there', async () => {
    const states = (text: string): Ground => ({ ...ground, isThisMachine: true, run: async () => text });
    assert.equal(await packages(states('installed\ninstalled\n'), ['libatomic1']).missing([]), undefined);
    assert.match((await packages(states('config-files\n'), ['libatomic1']).missing([])) ?? '', /libatomic1/);
  });

  it('install packages with nobody asked, and keep a configuration that is there', async () => {
    const ran: string[] = [];
    const machine: Ground = {
      ...ground,
      isThisMachine: true,
      run: async (argv) => {
        ran.push(argv.join(' '));
        return 'config-files';
      },
    };
    await packages(machine, ['ejabberd']).apply();
    assert.match(
      ran.at(-1) ?? '',
      /^env DEBIAN_FRONTEND=noninteractive apt-get .*--force-confold .*install .*ejabberd$/,
    );
  });

  it('leave a service alone that does not run, where nothing was put back for it', async () => {
    const stopped: Ground = {
      ...ground,
      isLive: true,
      run: async () => {
        throw new Failure('host-command', { problem: 'inactive', command: 'systemctl', exitCode: 3 });
      },
    };
    const change = goingOn(stopped, 'ejabberd.service', ['/etc/ejabberd/ejabberd.yml'], []);
    assert.equal(await change.missing(['remove /etc/sysusers.d/skerry-server.conf']), undefined);
    const restored = 'restore /etc/ejabberd/ejabberd.yml from /etc/ejabberd/ejabberd.yml.before-skerry';
    assert.equal(await change.missing([restored]), 'start ejabberd.service');
  });
});
