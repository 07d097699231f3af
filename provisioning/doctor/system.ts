import { lookup } from 'node:dns/promises';
import { existsSync } from 'node:fs';
import { readFile, statfs } from 'node:fs/promises';
import { hostname } from 'node:os';
import { SKERRY } from '#shared/called.ts';
import { ok, warning, wrong } from '#shared/doctor/findings.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import type { Finding } from '#shared/model/host.ts';
import { driversIn, hasQemu, isIllumos, type Machine, saidOr } from './machine.ts';

const DEBIANS = ['12', '13'];
const NODE_MIN = 26;
const MEMORY_MIB_MIN = 1_000;

export async function debian(machine: Machine): Promise<Finding[]> {
  if (isIllumos(machine)) return [];
  const { ground } = machine;
  const text = await readFile(ground.at('/etc/os-release'), 'utf8').catch(() => '');
  const of = (key: string): string => new RegExp(`^${key}="?([^"\n]*)`, 'm').exec(text)?.[1] ?? '';
  const found = of('PRETTY_NAME') || 'no /etc/os-release';
  const isKnown = of('ID') === 'debian' && DEBIANS.includes(of('VERSION_ID'));
  return [
    isKnown
      ? ok('Debian', found)
      : warning('Debian', found, `roles are made for Debian ${DEBIANS.join(' and ')}: put one of them on the machine`),
  ];
}

export async function node(): Promise<Finding> {
  const major = Number(process.versions.node.split('.')[0]);
  return major >= NODE_MIN
    ? ok('Node.js', process.version)
    : wrong('Node.js', process.version, `run ${SKERRY}, which brings Node.js ${NODE_MIN}`);
}

/** libvirt looks its own name up at each start of a guest, and waits where nobody answers. */
export async function ownName(machine: Machine): Promise<Finding[]> {
  const isNeeded = !machine.roles.has('host') || driversIn(machine, 'libvirt').length > 0;
  if (!machine.ground.isThisMachine || !isNeeded) return [];
  const check = 'own name';
  const name = hostname();
  try {
    const { address } = await lookup(name);
    return [ok(check, `${name} is ${address}`)];
  } catch (error) {
    const mend = `put the line "127.0.1.1 ${name}" into /etc/hosts`;
    return [wrong(check, `${name} leads nowhere: ${messageOf(error)}`, mend)];
  }
}

export async function timeService({ ground }: Machine): Promise<Finding[]> {
  if (!ground.isLive) return [];
  const check = 'time service';
  const mend = 'set the time by NTP: apt-get install systemd-timesyncd';
  const units = ['systemd-timesyncd', 'chrony', 'ntpsec', 'openntpd'];
  const states = await Promise.all(units.map((unit) => saidOr(ground, ['systemctl', 'is-active', unit])));
  const active = units.filter((_, at) => states[at] === 'active');
  return [active.length > 0 ? ok(check, active.join(', ')) : warning(check, 'none runs', mend)];
}

export async function memory({ ground }: Machine): Promise<Finding[]> {
  const text = await readFile(ground.at('/proc/meminfo'), 'utf8').catch(() => '');
  const totalKiB = Number(/^MemTotal:\s+(\d+)/m.exec(text)?.[1]);
  if (Number.isNaN(totalKiB)) return [];
  const found = `${Math.round(totalKiB / 1024)} MiB`;
  const isLow = totalKiB / 1024 < MEMORY_MIB_MIN;
  return [isLow ? warning('memory', found, `give the machine ${MEMORY_MIB_MIN} MiB or more`) : ok('memory', found)];
}

interface Room {
  role: 'server' | 'central' | 'host';
  path: string;
  mibMin: number;
  for: string;
}

/** What each role writes to, and how little of it is too little. */
function roomsOf(machine: Machine): Room[] {
  const { places } = machine;
  const disks = driversIn(machine, 'libvirt').map(
    ({ uri, diskFolder = `/var/lib/libvirt/${uri.startsWith('lxc') ? 'filesystems' : 'images'}` }) => diskFolder,
  );
  const roots = [
    ...driversIn(machine, 'lxc').map(({ folder }) => folder),
    ...driversIn(machine, 'zones').map(({ zonesFolder }) => zonesFolder),
  ];
  return [
    { role: 'server', path: '/var/lib/ejabberd', mibMin: 512, for: 'accounts and what people write' },
    {
      role: 'central',
      path: places.centralState,
      mibMin: 512,
      for: 'the journal: without it no change is carried out',
    },
    { role: 'host', path: places.agentState, mibMin: 512, for: 'the journal: without it no change is carried out' },
    ...disks.map((path): Room => ({ role: 'host', path, mibMin: 2_048, for: 'images of guests' })),
    ...roots.map((path): Room => ({ role: 'host', path, mibMin: 1_024, for: 'the roots of zones' })),
  ];
}

export async function rooms(machine: Machine): Promise<Finding[]> {
  const { ground, roles } = machine;
  const wanted = roomsOf(machine).filter(({ role, path }) => roles.has(role) && existsSync(ground.at(path)));
  return await Promise.all(
    wanted.map(async ({ path, mibMin, for: what }) => {
      const { bavail, bsize } = await statfs(ground.at(path));
      const freeMiB = Math.floor((bavail * bsize) / 1_048_576);
      const found = `${freeMiB} MiB free`;
      const mend = `free ${mibMin} MiB there, for ${what}`;
      return freeMiB < mibMin ? warning(`room in ${path}`, found, mend) : ok(`room in ${path}`, found);
    }),
  );
}

/** What services said before the last boot is asked for after the accident. */
export async function logs(machine: Machine): Promise<Finding[]> {
  // SMF keeps its own, in /var/svc/log.
  if (isIllumos(machine)) return [];
  return [
    existsSync(machine.ground.at('/var/log/journal'))
      ? ok('log', 'journald keeps it over a boot')
      : warning('log', 'it is gone after a boot', 'mkdir /var/log/journal && systemctl restart systemd-journald'),
  ];
}

const QEMU = process.arch === 'arm64' ? 'qemu-system-arm' : 'qemu-system-x86';

/** Debian's packages that the roles of a machine stand on, and the oldest that will do. */
const packagesOf = (machine: Machine): { name: string; min: string }[] => [
  ...(machine.roles.has('server') ? [{ name: 'ejabberd', min: '23.01' }] : []),
  ...(driversIn(machine, 'libvirt').length > 0 ? [{ name: 'libvirt-daemon-system', min: '8.0.0' }] : []),
  ...(hasQemu(machine) ? [{ name: QEMU, min: '7.0' }] : []),
  ...(driversIn(machine, 'lxc').length > 0 ? [{ name: 'lxc', min: '4.0' }] : []),
];

export async function versions(machine: Machine): Promise<Finding[]> {
  const { ground } = machine;
  const wanted = packagesOf(machine);
  return await Promise.all(
    wanted.map(async ({ name, min }) => {
      const check = `package ${name}`;
      const argv = ['dpkg-query', `--admindir=${ground.at('/var/lib/dpkg')}`, '-W', '-f', '$' + '{Version}'] as const;
      const version = await saidOr(ground, [...argv, name]);
      const mend = `apt-get install ${name}, ${min} or later`;
      if (!version) return wrong(check, 'it is not installed', mend);
      const isNew = await ground.run(['dpkg', '--compare-versions', version, 'ge', min]).then(
        () => true,
        (error) => {
          if (error instanceof Failure && error.code === 'host-command') return false;
          throw error;
        },
      );
      return isNew ? ok(check, version) : wrong(check, version, mend);
    }),
  );
}
