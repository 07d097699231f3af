import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { quotaOf } from '#agent/drivers/libvirt/cpu-quota.ts';
import { libvirtDriver } from '#agent/drivers/libvirt/driver.ts';
import { documentOf, el, xmlText } from '#agent/drivers/libvirt/xml.ts';
import { buildZoneRoot } from '#provisioning/zones/root.ts';
import { driverContract } from '../driver-contract.ts';
import type { DriverHarness, GuestWanted } from '../driver-harness.ts';
import { untilAnswers } from '../libvirt-daemon.ts';
import { virshProcesses } from '../libvirt-processes.ts';
import { ZONE_CONSOLE, ZONE_PARAMETERS } from './zone-inside.ts';

const exec = promisify(execFile);
const URI = 'lxc:///system';
const ROOT = '/run/root';
const SOCKET = '/run/libvirt/libvirt-sock';
const FOLDERS = ['/etc/libvirt', '/var/lib/libvirt', '/var/log/libvirt', '/var/cache/libvirt'];
const CONF = ['auth_unix_rw = "none"', 'unix_sock_group = "root"', 'log_outputs = "3:file:/run/libvirtd.log"', ''];

/** What libvirtd keeps is this host's own. */
async function makeHost(): Promise<void> {
  for (const folder of FOLDERS) {
    await mkdir(folder, { recursive: true });
    await exec('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'none', folder]);
  }
  await writeFile('/etc/libvirt/libvirtd.conf', CONF.join('\n'));
  await writeFile('/etc/libvirt/lxc.conf', 'security_driver = "none"\n');
  // libvirt leaves a folder in the root.
  await cp(await buildZoneRoot(join(tmpdir(), 'skerry-guest-cache')), ROOT, {
    recursive: true,
    verbatimSymlinks: true,
  });
}

async function startDaemon(): Promise<ChildProcess> {
  const daemon = spawn('libvirtd', [], { stdio: 'ignore' });
  await untilAnswers(SOCKET);
  return daemon;
}

const definition = ({ name, memoryMiB = 64, vcpus = 1, title }: GuestWanted): string =>
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
        el('features', {}, el('privnet'), el('capabilities', { policy: 'default' }, el('sys_boot', { state: 'on' }))),
        el('on_reboot', {}, 'restart'),
        el(
          'devices',
          {},
          el('filesystem', { type: 'mount' }, el('source', { dir: ROOT }), el('target', { dir: '/' })),
          el('console', { type: 'pty' }),
        ),
      ),
    ),
  );

driverContract('libvirt, LXC', async (): Promise<DriverHarness> => {
  await makeHost();
  let daemon = await startDaemon();
  const stateFolder = '/run/state';
  await mkdir(stateFolder);
  const log = pino({ level: process.env.SKERRY_TEST_LOG ?? 'silent' });
  const driver = await libvirtDriver({ uri: URI, log, stateFolder });
  const virsh = async (...words: string[]): Promise<void> => void (await exec('virsh', ['-q', '-c', URI, ...words]));
  const end = async (): Promise<void> => {
    const ended = once(daemon, 'exit');
    daemon.kill('SIGKILL');
    await ended;
  };
  return {
    driver,
    definition,
    behind: {
      start: (id) => virsh('start', id),
      poweroff: (id) => virsh('destroy', id),
      delete: (id) => virsh('undefine', id),
    },
    startsPaused: false,
    bootMsMax: 20_000,
    console: ZONE_CONSOLE,
    hasGuestAgent: false,
    bridges: ['sk-a', 'sk-b'],
    nicModel: null,
    changesMtu: true,
    takesParameters: true,
    notInParameters: /[<&]/,
    parametersInside: ZONE_PARAMETERS,
    runsPrograms: true,
    clones: 'none',
    snapshots: 'none',
    leftovers: async () => [...(await virshProcesses(URI)), ...(await readdir(join(stateFolder, 'libvirt')))],
    restart: async () => {
      await end();
      daemon = await startDaemon();
    },
    close: async () => {
      await driver.close();
      await end();
    },
  };
});
