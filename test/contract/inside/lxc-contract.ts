import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { readVersions } from '#agent/drivers/lxc/cgroups.ts';
import { lxcDriver } from '#agent/drivers/lxc/driver.ts';
import { memoryLimit, vcpuLimit } from '#agent/drivers/lxc/limits.ts';
import { run } from '#agent/exec/run.ts';
import { buildZoneRoot, ZONE_MARKER } from '#provisioning/zones/root.ts';
import { parameterOf } from '#shared/model/boot-parameter.ts';
import { driverContract } from '../driver-contract.ts';
import type { DriverHarness, GuestWanted } from '../driver-harness.ts';

const FIRST = 100_000;

driverContract('LXC', async (): Promise<DriverHarness> => {
  const log = pino({ level: process.env.SKERRY_TEST_LOG ?? 'silent' });
  const root = await buildZoneRoot(join(tmpdir(), 'skerry-guest-cache'));
  const versions = await readVersions();
  const images = '/run/images';
  await mkdir(images);
  await cp(root, join(images, 'tree'), { recursive: true, verbatimSymlinks: true });
  const tar = ['-c', '-z', '-f', join(images, 'tree.tar.gz'), '-C', root, '.'];
  await run({ file: 'tar', args: tar, timeoutMs: 30_000 }, AbortSignal.timeout(30_000));
  const squashed = [root, join(images, 'tree.squashfs'), '-quiet', '-no-progress'];
  await run({ file: 'mksquashfs', args: squashed, timeoutMs: 30_000 }, AbortSignal.timeout(30_000));
  await writeFile(join(images, 'disk.raw'), Buffer.alloc(1_024));
  const driver = await lxcDriver({ run, images, log, host: 'here', idmap: { first: FIRST, count: 65_536 } });
  const nameOf = async (id: string): Promise<string> => (await driver.readGuest(id, AbortSignal.timeout(10_000))).name;
  const lxc = async (tool: string, id: string, ...args: string[]): Promise<void> =>
    void (await run(
      { file: tool, args: ['-n', await nameOf(id), ...args], timeoutMs: 10_000 },
      AbortSignal.timeout(10_000),
    ));
  const definition = ({ name, memoryMiB = 64, vcpus = 1, title }: GuestWanted): string =>
    [
      `skerry.name = ${name}`,
      'lxc.uts.name = zone',
      `lxc.rootfs.path = dir:${root}`,
      'lxc.rootfs.options = idmap=container',
      `lxc.idmap = u 0 ${FIRST} 65536`,
      `lxc.idmap = g 0 ${FIRST} 65536`,
      'lxc.mount.auto = proc:mixed sys:mixed cgroup:mixed',
      'lxc.tty.max = 0',
      // Up sooner, it would say so before anybody listens.
      'lxc.environment = late=1',
      ...[memoryLimit(memoryMiB, versions), vcpuLimit(vcpus, versions)].map(({ key, value }) => `${key} = ${value}`),
      ...(title === undefined ? [] : [`skerry.title = ${title}`]),
      '',
    ].join('\n');
  return {
    driver,
    definition,
    behind: {
      start: (id) => lxc('lxc-start', id),
      poweroff: (id) => lxc('lxc-stop', id, '-k'),
      // The root is that of all zones here: LXC would delete it too.
      delete: async (id) => {
        const name = await nameOf(id);
        await run(
          { file: 'rm', args: ['-r', '--', `/var/lib/lxc/${name}`], timeoutMs: 5_000 },
          AbortSignal.timeout(5_000),
        );
      },
    },
    startsPaused: false,
    bootMsMax: 20_000,
    console: { up: ZONE_MARKER, type: '\recho $((40 + 2))-answered\r', shows: '42-answered' },
    hasGuestAgent: false,
    bridges: ['sk-a', 'sk-b'],
    nicModel: 'veth',
    changesMtu: true,
    takesParameters: true,
    parametersInside: {
      type: '\rfor p in $(tr "\\0" "\\n" </proc/1/environ | sed -n "s/^SKERRY_PARAMS=//p"); do echo "<$(tr "\\0" "\\n" </proc/1/environ | grep "^$p=" | base64 -w0)>"; done; echo end-$((40 + 2))\r',
      end: 'end-42',
      read: (shown) =>
        [...shown.replace(/[\r\n]/g, '').matchAll(/<([\w+/=]+)>/g)].map(([, text = '']) =>
          parameterOf(Buffer.from(text, 'base64').toString().trim()),
        ),
    },
    runsPrograms: true,
    clones: 'full',
    snapshots: 'off',
    withDisk: async (wanted) => {
      const own = `/var/lib/lxc/${wanted.name}/rootfs`;
      await mkdir(own, { recursive: true });
      await run({ file: 'cp', args: ['-a', `${root}/.`, own], timeoutMs: 30_000 }, AbortSignal.timeout(30_000));
      return definition(wanted).replace(`dir:${root}`, `dir:${own}`);
    },
    images: [{ name: 'tree' }, { name: 'tree.tar.gz' }, { name: 'tree.squashfs' }],
    imagesUnfit: ['disk.raw'],
    leftovers: async () => (await commands()).filter((line) => /lxc-monitor|lxc-console/.test(line)),
    restart: async () => {
      for (const pid of await pidsOf(/lxc-monitord/)) process.kill(pid, 'SIGKILL');
    },
    close: () => driver.close(),
  };
});

const processes = async (): Promise<{ pid: number; line: string }[]> => {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return pids.map((pid, index) => ({ pid: Number(pid), line: (lines[index] ?? '').replaceAll('\0', ' ') }));
};
const commands = async (): Promise<string[]> => (await processes()).map(({ line }) => line);
const pidsOf = async (pattern: RegExp): Promise<number[]> =>
  (await processes()).filter(({ line }) => pattern.test(line)).map(({ pid }) => pid);
