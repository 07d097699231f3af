import { execFile, spawn } from 'node:child_process';
import { chown, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

const exec = promisify(execFile);

/** A libvirtd of one user in a folder of its own: it needs no root, and knows nothing of the machine's own libvirtd. */
export interface LibvirtDaemon {
  readonly folder: string;
  /** Its sockets' URI for a driver: `qemu`, `test`. */
  uri(driver: string): string;
  /** virsh past everything of ours. */
  virsh(driver: string, ...args: string[]): Promise<string>;
  /** Process id of libvirtd itself, as the test sees it. */
  pid(): Promise<number>;
  /** End it without warning, and start it again; QEMU processes stay. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

const NOBODY = 65_534;
const START_MS_MAX = 60_000;

/**
 * Start one.
 *
 * Its processes live in a process namespace whose end ends them all: its first process adopts QEMU, starts libvirtd again when
 * that ends, and dies with this process.
 */
export async function startLibvirtDaemon(): Promise<LibvirtDaemon> {
  // short: QEMU's sockets are below it, and a UNIX socket's path has room for 107 bytes
  const folder = await mkdtemp(join(tmpdir(), 'sk-'));
  const isRoot = process.getuid?.() === 0;
  for (const name of ['', 'run', 'config', 'cache', 'data']) {
    const path = join(folder, name);
    await mkdir(path, { recursive: true });
    if (isRoot) await chown(path, NOBODY, NOBODY);
  }
  const socket = join(folder, 'run', 'libvirt', 'libvirt-sock');
  const child = spawn('unshare', unshareArgs(isRoot), {
    stdio: 'ignore',
    env: {
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      HOME: folder,
      XDG_RUNTIME_DIR: join(folder, 'run'),
      XDG_CONFIG_HOME: join(folder, 'config'),
      XDG_CACHE_HOME: join(folder, 'cache'),
      XDG_DATA_HOME: join(folder, 'data'),
    },
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const uri = (driver: string) => `${driver}+unix://${driver === 'test' ? '/default' : '/session'}?socket=${socket}`;
  const pid = async (): Promise<number> => {
    let found = 0;
    await until(async () => {
      found = await libvirtdBelow(child.pid ?? 0);
      return found !== 0;
    });
    return found;
  };
  const daemon: LibvirtDaemon = {
    folder,
    uri,
    virsh: async (driver, ...args) => (await exec('virsh', ['-q', '-c', uri(driver), ...args])).stdout,
    pid,
    restart: async () => {
      const before = await pid();
      process.kill(before, 'SIGKILL');
      await until(async () => {
        const now = await pid();
        return now !== before && (await answers(socket));
      });
    },
    close: async () => {
      child.kill('SIGKILL');
      await ended;
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  try {
    await untilAnswers(socket);
  } catch (error) {
    await daemon.close();
    throw error;
  }
  return daemon;
}

/** A shell is the supervisor: it has nothing to decide. A change of user forgets the signal at the parent's death: it is set after. */
function unshareArgs(isRoot: boolean): string[] {
  const loop = 'while :; do libvirtd; sleep 0.1; done';
  const drop = isRoot
    ? ['setpriv', '--pdeathsig=KILL', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups']
    : [];
  const spaces = ['--pid', '--mount', '--fork', '--kill-child', '--mount-proc'];
  return [...(isRoot ? [] : ['--map-current-user']), ...spaces, ...drop, 'tini', '-s', '--', 'sh', '-c', loop];
}

/** 0 while there is none. */
async function libvirtdBelow(root: number): Promise<number> {
  const { stdout } = await exec('ps', ['-eo', 'pid=,ppid=,comm=']);
  const rows = stdout.split('\n').map((line) => line.trim().split(/\s+/));
  const below = new Set([String(root)]);
  for (let size = 0; size !== below.size; ) {
    size = below.size;
    for (const [id = '', parent = ''] of rows) if (below.has(parent)) below.add(id);
  }
  return Number(rows.find(([id = '', , name]) => below.has(id) && name === 'libvirtd')?.[0] ?? 0);
}

const answers = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });

/** Until a libvirtd takes connections there. */
export const untilAnswers = (path: string): Promise<void> => until(() => answers(path));

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + START_MS_MAX;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`libvirtd did not come within ${START_MS_MAX} ms`);
    await pause(20);
  }
}
