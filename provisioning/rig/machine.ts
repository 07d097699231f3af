import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Failure } from '#shared/errors.ts';
import { areGone, childrenOf, type ProcessId, processId, RIG_MARK, signal } from './processes.ts';

/**
 * A machine of the rig: network, mount, UTS, IPC and PID namespaces that no file names, and for a host one of cgroups. They live as long as their first
 * process, which dies with whoever started it, and the kernel then takes away every process, mount and link in them.
 */
export interface Machine {
  readonly name: string;
  /** Its first process, as the main PID namespace sees it. */
  readonly init: ProcessId;
  /** Where its /run is seen from outside; short enough for the names of sockets. */
  readonly run: string;
  /** What runs a program in it. The program dies when it does. */
  enter(argv: readonly string[]): [string, ...string[]];
  /** Let it go on: its links are there. */
  begin(): void;
  /** Resolves when it is gone. */
  readonly ended: Promise<void>;
  kill(): Promise<void>;
}

export interface MachineOptions {
  rigDir: string;
  role: 'server' | 'host';
  name: string;
  stateFolder: string;
  env?: Readonly<Record<string, string>>;
}

const INIT = fileURLToPath(new URL('machine-init.sh', import.meta.url));
/** Zones are held to their limits in cgroups, which are gone with the machine. */
const WITH_CGROUPS = fileURLToPath(new URL('../zones/with-cgroups.sh', import.meta.url));
const READY_TIMEOUT_MS = 20_000;

/** Make a machine up to the point where it waits for its links. @throws Failure setup-needed with what it said */
export async function startMachine({ rigDir, role, name, stateFolder, env }: MachineOptions): Promise<Machine> {
  const spaces = ['--net', '--mount', '--uts', '--ipc', '--pid', ...(role === 'host' ? ['--cgroup'] : [])];
  const unshare = ['unshare', ...spaces, '--fork', '--kill-child'];
  const cgroups = role === 'host' ? [WITH_CGROUPS, name] : [];
  const argv = ['--pdeathsig', 'KILL', ...cgroups, ...unshare, 'tini', '-s', '--', INIT, role, name, stateFolder];
  const child = spawn('setpriv', argv, {
    stdio: ['pipe', 'pipe', 'pipe'],
    // A process group of its own: Ctrl-C is for the supervisor, which takes things down in order.
    detached: true,
    env: { ...process.env, ...env, [RIG_MARK]: rigDir },
  });
  await saysReady(child, name);
  const launcher = child.pid ?? 0;
  const [initPid] = childrenOf(launcher);
  const init = initPid === undefined ? undefined : processId(initPid);
  if (init === undefined) throw new Failure('setup-needed', { problem: `the machine ${name} died at once` });
  const ended = once(child, 'close').then(() => {});
  return {
    name,
    init,
    run: `/proc/${init.pid}/root/run`,
    enter: (inner) => ['setpriv', '--pdeathsig', 'KILL', 'nsenter', '-t', `${init.pid}`, '-a', '--', ...inner],
    begin: () => child.stdin?.end('begin\n'),
    ended,
    async kill() {
      signal(init, 'SIGKILL');
      await ended;
      await areGone([init], READY_TIMEOUT_MS);
    },
  };
}

async function saysReady(child: ChildProcess, name: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let said = '';
  const fail = (problem: string) => reject(new Failure('setup-needed', { problem: `the machine ${name} ${problem}` }));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2_000);
  });
  child.stdout?.setEncoding('utf8').on('data', (text: string) => text.includes('ready\n') && resolve());
  child.once('error', (error) => fail(`could not be started: ${error.message}`));
  child.once('close', (code) => fail(`ended with ${code}: ${said.trim()}`));
  const timer = setTimeout(() => fail(`was not ready in time: ${said.trim()}`), READY_TIMEOUT_MS);
  try {
    await promise;
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
