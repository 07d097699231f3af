import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { namesIn } from '#agent/files/folder.ts';
import { type CgroupVersions, type Limits, limitFiles, limitsIn } from './limits.ts';

const ROOT = '/sys/fs/cgroup';

/**
 * Which version has each controller, as /proc/cgroups tells: one in a hierarchy of version 1 has that one's number, and 0 else.
 *
 * Shape: `NAME HIERARCHY GROUPS ENABLED`, a line each; a kernel that can only version 2 has no line for it.
 * Source: cgroups(7)
 */
export function parseVersions(cgroups: string): Required<Omit<CgroupVersions, 'swap'>> {
  const version = (controller: string): 1 | 2 =>
    Number(new RegExp(`^${controller}\\s+(\\d+)`, 'm').exec(cgroups)?.[1] ?? 0) > 0 ? 1 : 2;
  return { memory: version('memory'), cpu: version('cpu'), cpuset: version('cpuset') };
}

export async function readVersions(): Promise<CgroupVersions> {
  const versions = parseVersions(await readFile('/proc/cgroups', 'utf8').catch(() => ''));
  return { ...versions, swap: await countsSwap(versions.memory) };
}

/** Whether swap is counted, which a file shows: in version 1 that of the root, in version 2 that of any group, for the root has none. */
export async function countsSwap(memory: 1 | 2, root = ROOT): Promise<boolean> {
  if (memory === 1) return isThere(join(root, 'memory', 'memory.memsw.limit_in_bytes'));
  for (const at of [root, join(root, 'unified')])
    for (const group of await namesIn(at)) if (await isThere(join(at, group, 'memory.swap.max'))) return true;
  return false;
}

const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

/**
 * Where a process is in the hierarchy that has a controller, as /proc/PID/cgroup tells, up to the zone's own group: an init may have
 * put itself into one below.
 *
 * Shape: `NUMBER:CONTROLLERS:PATH`, a line each; that of version 2 is 0, with no controllers.
 */
export function groupOf(text: string, controller: string, version: 1 | 2, zone: string): string | undefined {
  for (const line of text.split('\n')) {
    const [, number, controllers = '', path = ''] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? [];
    if (version === 1 ? controllers.split(',').includes(controller) : number === '0') return ownGroup(path, zone);
  }
  return undefined;
}

function ownGroup(path: string, zone: string): string {
  const parts = path.split('/');
  const own = parts.findIndex((part) => part === `lxc.payload.${zone}` || part.startsWith(`lxc.payload.${zone}-`));
  return own < 0 ? path : parts.slice(0, own + 1).join('/');
}

/** Limits of a zone that runs. @throws Error of the system where it has gone */
export async function liveLimits(pid: number, zone: string, versions: CgroupVersions): Promise<Limits> {
  const text = await readFile(`/proc/${pid}/cgroup`, 'utf8');
  const { memory, cpu, cpuset } = limitFiles(versions);
  const wanted = [['memory', memory], ...cpu.map((file) => ['cpu', file] as const), ['cpuset', cpuset]] as const;
  const said = new Map(
    await Promise.all(
      wanted.map(async ([controller, file]) => {
        const group = groupOf(text, controller, versions[controller], zone);
        const value = group === undefined ? undefined : await readIn(controller, versions[controller], group, file);
        return [file, value?.trim()] as const;
      }),
    ),
  );
  return limitsIn(versions, (_, file) => said.get(file));
}

/** Version 2 is mounted at the root, or beside version 1 in a folder of its own. A file that is not there says nothing. */
async function readIn(controller: string, version: 1 | 2, group: string, file: string): Promise<string | undefined> {
  const roots = version === 1 ? [join(ROOT, controller)] : [ROOT, join(ROOT, 'unified')];
  for (const root of roots) {
    const text = await readFile(join(root, group, file), 'utf8').catch(() => undefined);
    if (text !== undefined) return text;
  }
  return undefined;
}
