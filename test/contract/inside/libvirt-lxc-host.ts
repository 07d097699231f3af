import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { quotaOf } from '#agent/drivers/libvirt/cpu-quota.ts';
import { documentOf, el, type Sketch, xmlText } from '#agent/drivers/libvirt/xml.ts';
import { buildZoneRoot } from '#provisioning/zones/root.ts';
import type { GuestWanted } from '../driver-harness.ts';
import { untilAnswers } from '../libvirt-daemon.ts';

const exec = promisify(execFile);
export const LXC_URI = 'lxc:///system';
const ROOT = '/run/root';
const FOLDERS = ['/etc/libvirt', '/var/lib/libvirt', '/var/log/libvirt', '/var/cache/libvirt'];
const CONF = ['auth_unix_rw = "none"', 'unix_sock_group = "root"', 'log_outputs = "3:file:/run/libvirtd.log"', ''];

/** A libvirtd for containers on this host, which is the tests' own. */
export interface ContainerHost {
  stateFolder: string;
  /** virsh past everything of ours. */
  virsh(...words: string[]): Promise<void>;
  restart(): Promise<void>;
  close(): Promise<void>;
}

export async function containerHost(): Promise<ContainerHost> {
  await makeHost();
  let daemon = await startDaemon();
  const end = async (): Promise<void> => {
    const ended = once(daemon, 'exit');
    daemon.kill('SIGKILL');
    await ended;
  };
  return {
    stateFolder: '/run/state',
    virsh: async (...words) => void (await exec('virsh', ['-q', '-c', LXC_URI, ...words])),
    restart: async () => {
      await end();
      daemon = await startDaemon();
    },
    close: end,
  };
}

/** What libvirtd keeps is this host's own. */
async function makeHost(): Promise<void> {
  if (existsSync(ROOT)) return;
  for (const folder of FOLDERS) {
    await mkdir(folder, { recursive: true });
    await exec('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'none', folder]);
  }
  await mkdir('/run/state');
  await writeFile('/etc/libvirt/libvirtd.conf', CONF.join('\n'));
  await writeFile('/etc/libvirt/lxc.conf', 'security_driver = "none"\n');
  // libvirt leaves a folder in the root.
  const root = await buildZoneRoot(join(tmpdir(), 'skerry-guest-cache'));
  await cp(root, ROOT, { recursive: true, verbatimSymlinks: true });
}

async function startDaemon(): Promise<ChildProcess> {
  const daemon = spawn('libvirtd', [], { stdio: 'ignore' });
  await untilAnswers('/run/libvirt/libvirt-sock');
  return daemon;
}

const FILE_SYSTEM = el('filesystem', { type: 'mount' }, el('source', { dir: ROOT }), el('target', { dir: '/' }));
const SYS_BOOT = el('capabilities', { policy: 'default' }, el('sys_boot', { state: 'on' }));

/** A container of that root, or without one, and with these features. */
export const container = (
  { name, memoryMiB = 64, vcpus = 1, title }: GuestWanted,
  { root = true, features = [el('privnet'), SYS_BOOT] }: { root?: boolean; features?: readonly Sketch[] } = {},
): string =>
  xmlText(
    documentOf(
      el(
        'domain',
        { type: 'lxc' },
        el('name', {}, name),
        ...(title === undefined ? [] : [el('title', {}, title)]),
        el('memory', { unit: 'MiB' }, String(memoryMiB)),
        el('vcpu', {}, String(vcpus)),
        quotaOf(vcpus),
        // libvirt puts it in at the first start.
        el('resource', {}, el('partition', {}, '/machine')),
        // Up sooner, it would say so before anybody listens.
        el('os', {}, el('type', {}, 'exe'), el('init', {}, '/sbin/init'), el('initenv', { name: 'late' }, '1')),
        el('features', {}, ...features),
        el('on_reboot', {}, 'restart'),
        el('devices', {}, ...(root ? [FILE_SYSTEM] : []), el('console', { type: 'pty' })),
      ),
    ),
  );
