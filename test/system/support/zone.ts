import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { ROOT } from '#cli/rig-options.ts';
import { until } from './until.ts';

/** A machine with a systemd of its own, over a Debian root that it does not write to, in a network that nobody else is in. */
export interface Zone {
  name: string;
  /** Its first process, as seen from here. */
  pid: number;
  run(argv: readonly string[], input?: string): Promise<{ exitCode: number; stdout: string; stderr: string }>;
  /** ./skerry of the clone in it. @returns lines of stdout */
  skerry(...words: string[]): Promise<{ exitCode: number; lines: string[]; stderr: string }>;
  /** The same, with something on its standard input. */
  skerryWith(input: string, ...words: string[]): ReturnType<Zone['skerry']>;
  stop(): Promise<void>;
}

const CLONE = '/opt/skerry';
const PARTS = ['agent', 'central', 'cli', 'provisioning', 'shared', 'package.json', 'package-lock.json', 'skerry'];
const RUN_MS = 120_000;
const UP_MS_MAX = 120_000;
const ENV = ['env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'LANG=C.UTF-8'];

/**
 * A layer on a tmpfs, which goes with the mount namespace; and a control group of its own, since the systemd in it takes the one that
 * it finds itself in, and two in one would end each other's services.
 */
const START = `set -e
name=$1 base=$2 layer=$3 clone=$4 modules=$5 group=$6; shift 6
for top in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
  [ -f $top/cgroup.procs ] || continue
  mkdir -p $top/$group; echo $$ > $top/$group/cgroup.procs
done
ip link set lo up
mkdir -p /run/systemd/nspawn
mount -t tmpfs tmpfs /run/systemd/nspawn
mount -t tmpfs -o mode=755 tmpfs $layer
mkdir $layer/up $layer/work $layer/root
mount -t overlay -o lowerdir=$base,upperdir=$layer/up,workdir=$layer/work overlay $layer/root
mkdir -p $layer/root${CLONE}/node_modules
for part; do cp -r $clone/$part $layer/root${CLONE}/; done
chmod -R u=rwX,go=rX $layer/root${CLONE}
echo $name > $layer/root/etc/hostname
printf '127.0.0.1 localhost\\n127.0.1.1 %s\\n' $name > $layer/root/etc/hosts
exec systemd-nspawn --quiet --directory=$layer/root --machine=$name --register=no --keep-unit --boot --console=pipe \\
  --bind-ro=$modules:${CLONE}/node_modules --network-namespace-path=/proc/self/ns/net`;

export async function startZone(name: string, root: string): Promise<Zone> {
  const layer = mkdtempSync(join(tmpdir(), 'skerry-zone-'));
  const group = `skerry-test-${process.pid}-${name}`;
  const modules = realpathSync(join(ROOT, 'node_modules'));
  const argv = ['sh', '-c', START, 'sh', name, root, layer, realpathSync(ROOT), modules, group, ...PARTS];
  // Killed, it takes its namespace of processes with it, and so all that ran in the zone.
  const apart = ['unshare', '--mount', '--net', '--uts', '--ipc', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...apart, ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: '1' },
  });
  const said = saidBy(child);
  let pid = 0;
  const run: Zone['run'] = async (words, input = '') => {
    const inside = ['-t', String(pid), '--all', '--wdns=/', ...ENV, ...words];
    const { exitCode = -1, stdout, stderr } = await execa('nsenter', inside, { reject: false, timeout: RUN_MS, input });
    return { exitCode, stdout, stderr };
  };
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await until(`nothing runs in ${name}`, async () => (await emptied(group)) || undefined);
    rmSync(layer, { recursive: true, force: true });
  };
  try {
    const isUp = async (): Promise<true | undefined> => {
      if (child.exitCode !== null) throw new Error(`${name} did not start: ${said()}`);
      pid = childOf(childOf(child.pid ?? 0));
      if (pid === 0) return undefined;
      // Some unit may have failed, as in any container: what counts is that starting is over.
      return /running|degraded/.test((await run(['systemctl', 'is-system-running'])).stdout) || undefined;
    };
    await until(`${name} is up`, isUp, UP_MS_MAX);
  } catch (error) {
    await stop();
    throw error;
  }
  const skerryWith: Zone['skerryWith'] = async (input, ...words) => {
    const argv = [`${CLONE}/node_modules/.bin/node`, `${CLONE}/cli/main.ts`, ...words];
    const { exitCode, stdout, stderr } = await run(argv, input);
    return { exitCode, lines: stdout.split('\n').filter(Boolean), stderr };
  };
  const skerry: Zone['skerry'] = (...words) => skerryWith('', ...words);
  return { name, pid, run, skerry, skerryWith, stop };
}

/** Join zones by a bridge in the first one, where it has .1 of a network, and the others the addresses after it. */
export async function joinZones(zones: readonly Zone[], prefix: string): Promise<void> {
  const [first, ...others] = zones;
  const ip = (zone: Zone | undefined, ...words: string[]) =>
    execa('nsenter', ['-t', String(zone?.pid), '--net', 'ip', ...words]);
  await ip(first, 'link', 'add', 'site', 'type', 'bridge');
  await ip(first, 'addr', 'add', `${prefix}.1/24`, 'dev', 'site');
  await ip(first, 'link', 'set', 'site', 'up');
  for (const [at, zone] of others.entries()) {
    const port = `site${at + 1}`;
    await ip(
      first,
      'link',
      'add',
      port,
      'master',
      'site',
      'type',
      'veth',
      'peer',
      'name',
      'eth0',
      'netns',
      String(zone.pid),
    );
    await ip(first, 'link', 'set', port, 'up');
    await ip(zone, 'addr', 'add', `${prefix}.${at + 2}/24`, 'dev', 'eth0');
    await ip(zone, 'link', 'set', 'eth0', 'up');
  }
}

/** Each has one: unshare has systemd-nspawn, and that has the first process of the zone, once it is there. */
function childOf(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0]);
  } catch {
    return 0;
  }
}

function saidBy(child: ChildProcess): () => string {
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (part: string) => {
      text = (text + part).slice(-2_000);
    });
  return () => text;
}

/** Its control groups go once nothing is left in them. */
async function emptied(group: string): Promise<boolean> {
  const tops = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified', '/sys/fs/cgroup/systemd'].map((top) => join(top, group));
  const { exitCode } = await execa('find', [...tops, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', '+'], {
    reject: false,
  });
  const left = await execa('find', tops, { reject: false });
  return exitCode === 0 || left.stdout === '';
}
