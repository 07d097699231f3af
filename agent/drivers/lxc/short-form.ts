import { join } from 'node:path';
import { Failure } from '#shared/errors.ts';
import type { GuestForm } from '#shared/model/guest.ts';
import { NicWanted } from '#shared/model/nic.ts';
import { configText, sayable } from './config-text.ts';
import { consoleLog, type Ground } from './ground.ts';
import { memoryLimit, swapLimit, vcpuLimit } from './limits.ts';
import { withTitle } from './zone-config.ts';

type FormGround = Pick<Ground, 'folder' | 'logFolder' | 'cgroups' | 'idmap'>;

/**
 * The definition that the short form means: one root, its limits, its interfaces, and a root user that is none on the host.
 *
 * @throws Failure guest-definition
 */
export function definitionOfForm(form: GuestForm, ground: FormGround): string {
  if (form.kernel || form.ramdisk || form.cmdline)
    throw new Failure('guest-definition', {
      problem: 'a zone has the kernel of its host: leave out kernel, ramdisk and cmdline',
    });
  const [disk, ...more] = form.disks;
  if (more.length > 0) throw new Failure('guest-definition', { problem: 'a zone has one root: give one disk' });
  const { memoryMiB, vcpus } = form;
  const swap = swapLimit(memoryMiB, ground.cgroups);
  const limits = [memoryLimit(memoryMiB, ground.cgroups), ...(swap ? [swap] : []), vcpuLimit(vcpus, ground.cgroups)];
  const root = disk === undefined ? `dir:${join(ground.folder, form.name, 'rootfs')}` : rootOf(disk);
  const config = [
    `lxc.uts.name = ${form.name}`,
    `lxc.rootfs.path = ${sayable(root)}`,
    ...userLines(ground.idmap),
    ...limits.map(({ key, value }) => `${key} = ${value}`),
    `lxc.console.logfile = ${consoleLog(ground, form.name)}`,
    ...PLAIN_LINES,
    ...(form.nics.length === 0 ? ['lxc.net.0.type = empty'] : form.nics.flatMap(nicLines)),
  ];
  return configText(withTitle(config, form.title ?? ''));
}

/** What any Linux expects: /proc and /sys that it can do no harm by, cgroups of its own, and devices. */
const PLAIN_LINES: readonly string[] = [
  'lxc.mount.auto = proc:mixed sys:mixed cgroup:mixed',
  'lxc.tty.max = 0',
  'lxc.pty.max = 1024',
  'lxc.console.size = 1MB',
  'lxc.console.rotate = 1',
];

/**
 * Files of the root keep their owners on the disk: LXC shows them shifted to the zone. No device file in it leads to a device: those that a zone
 * needs LXC puts into a /dev of its own.
 */
const userLines = (idmap: Ground['idmap']): string[] =>
  idmap === undefined
    ? []
    : [
        `lxc.idmap = u 0 ${idmap.first} ${idmap.count}`,
        `lxc.idmap = g 0 ${idmap.first} ${idmap.count}`,
        'lxc.rootfs.options = idmap=container,nodev',
      ];

const DISK_SHAPE = 'PATH of a folder with a root file system, or overlayfs:LOWER:UPPER, btrfs:PATH, loop:FILE';
const ROOT_KINDS = /^(?:dir|overlayfs|overlay|btrfs|loop|zfs|lvm|nbd|rbd):/;

function rootOf(disk: string): string {
  const problem = disk === '' ? 'it is empty' : disk.includes(',') ? 'it takes no options' : undefined;
  if (problem !== undefined || !(disk.startsWith('/') || ROOT_KINDS.test(disk)))
    throw new Failure('guest-definition', {
      problem: `disk "${disk}": ${problem ?? 'the path must begin with /'}; write ${DISK_SHAPE}`,
    });
  return disk.startsWith('/') ? `dir:${disk}` : disk;
}

const NIC_SHAPE = 'bridge=NAME, then [,mac=MAC][,target=LINK][,mtu=BYTES]';
const KEYS: Readonly<Record<string, { key: string; shape: { safeParse(value: unknown): { success: boolean } } }>> = {
  bridge: { key: 'link', shape: NicWanted.shape.bridge },
  mac: { key: 'hwaddr', shape: NicWanted.shape.mac },
  target: { key: 'veth.pair', shape: NicWanted.shape.link },
  mtu: { key: 'mtu', shape: NicWanted.shape.mtu },
};

function nicLines(spec: string, number: number): string[] {
  const wrong = (problem: string): Failure =>
    new Failure('guest-definition', { problem: `nic "${spec}": ${problem}; write ${NIC_SHAPE}` });
  if (!spec.startsWith('bridge=')) throw wrong('it names no bridge');
  const prefix = `lxc.net.${number}`;
  const seen = new Set<string>();
  const lines = spec.split(',').map((part) => {
    const [name = '', value = ''] = part.split(/=(.*)/su);
    const row = Object.hasOwn(KEYS, name) ? KEYS[name] : undefined;
    if (!row) throw wrong(`there is no option "${name}"`);
    if (seen.has(name)) throw wrong(`${name} is given twice`);
    seen.add(name);
    if (!row.shape.safeParse(name === 'mtu' ? Number(value) : value).success) throw wrong(`"${value}" is no ${name}`);
    return `${prefix}.${row.key} = ${value}`;
  });
  return [`${prefix}.type = veth`, ...lines, `${prefix}.flags = up`];
}
