import { existsSync } from 'node:fs';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NETWORK, type PlannedZone } from './plan.ts';

/** Without an address it asks for one, and without a port it serves what it is told at its start. */
type Zone = Pick<PlannedZone, 'name'> & Partial<PlannedZone>;

/**
 * Define a host's zones, those that are not there. A zone that somebody has changed keeps what they made of it.
 * @returns the names of those that were defined now
 */
export async function defineZones(stateFolder: string, zones: readonly Zone[], zoneRoot: string): Promise<string[]> {
  const missing = zones.filter(({ name }) => !existsSync(join(stateFolder, 'lxc', name, 'config')));
  for (const zone of missing) {
    const folder = join(stateFolder, 'lxc', zone.name);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await cp(zoneRoot, join(folder, 'rootfs'), { recursive: true, verbatimSymlinks: true, force: true });
    await writeFile(join(folder, 'config'), configOf(zone), { mode: 0o600 });
  }
  return missing.map(({ name }) => name);
}

/** Its root is a user without rights on the host; its interface comes with its address on the network. */
const configOf = ({ name, address, serve }: Zone): string => `lxc.uts.name = ${name}
lxc.rootfs.path = dir:/var/lib/lxc/${name}/rootfs
lxc.rootfs.options = idmap=container,nodev
lxc.idmap = u 0 100000 65536
lxc.idmap = g 0 100000 65536
lxc.mount.auto = proc:mixed sys:mixed cgroup:mixed
lxc.tty.max = 0
lxc.console.logfile = /var/log/lxc/${name}.console
lxc.console.size = 1MB
lxc.console.rotate = 1
lxc.net.0.type = empty
${address === undefined ? '' : `lxc.environment = address=${address}/${prefixOf(NETWORK.subnets)}\n`}${serve === undefined ? '' : `lxc.environment = serve=${serve}\n`}`;

const prefixOf = ([subnet = '']: readonly string[]): string => subnet.split('/')[1] ?? '';
