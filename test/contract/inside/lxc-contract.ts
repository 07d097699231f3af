import { cp, mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { readVersions } from '#agent/drivers/lxc/cgroups.ts';
import { lxcDriver } from '#agent/drivers/lxc/driver.ts';
import { memoryLimit, vcpuLimit } from '#agent/drivers/lxc/limits.ts';
import { run } from '#agent/exec/run.ts';
import { processesHere, tell } from '#agent/services/processes.ts';
import { buildZoneRoot } from '#provisioning/zones/root.ts';
import { driverContract } from '../driver-contract.ts';
import type { DriverHarness, GuestWanted } from '../driver-harness.ts';
import { ZONE_CONSOLE, ZONE_PARAMETERS } from './zone-inside.ts';

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
    console: ZONE_CONSOLE,
    hasGuestAgent: false,
    bridges: ['sk-a', 'sk-b'],
    nicModel: 'veth',
    changesMtu: true,
    takesParameters: true,
    parametersInside: ZONE_PARAMETERS,
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
      // It ends by itself when nobody has asked it for a while.
      for (const found of (await processesHere()).filter(({ argv }) => /lxc-monitord/.test(argv.join(' '))))
        await tell(found, 'SIGKILL');
    },
    close: () => driver.close(),
  };
});

const commands = async (): Promise<string[]> => (await processesHere()).map(({ argv }) => argv.join(' '));
