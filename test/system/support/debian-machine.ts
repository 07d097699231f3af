import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { cachedRoot } from '#provisioning/debian/bootstrap.ts';
import { childrenOf } from '#provisioning/rig/processes.ts';
import { until } from './until.ts';

const CACHE = fileURLToPath(new URL('../../../.cache', import.meta.url));
const BOOT_MS_MAX = 120_000;

/** A Debian that runs, with its own systemd, no network, and no more than its packages; what is written is gone with it. */
export interface DebianMachine {
  /** Run a program there. @throws Error with what it said, where it fails */
  run(argv: readonly [string, ...string[]], input?: string): Promise<string>;
  /** The same, to its exit code. */
  exitCode(argv: readonly [string, ...string[]]): Promise<number>;
  stop(): Promise<void>;
}

/** The root of one that has systemd and these. */
export const leanRoot = (...packages: string[]): Promise<string> =>
  cachedRoot(CACHE, { packages: ['systemd', ...packages] });

/** Boot one in a container of systemd-nspawn, with folders of this machine to read. It ends with this process, however that ends. */
export async function bootMachine(root: string, folders: Readonly<Record<string, string>>): Promise<DebianMachine> {
  const binds = Object.entries(folders).map(([there, here]) => `--bind-ro=${here}:${there}`);
  const options = ['--quiet', '--volatile=overlay', '--register=no', '--keep-unit', '--private-network', '--boot'];
  const argv = ['--pdeathsig', 'KILL', 'systemd-nspawn', ...options, ...binds, `--directory=${root}`];
  const container = spawn('setpriv', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  // Its console, which nobody reads here, would stop it when full.
  container.stdout.resume();
  try {
    // systemd-nspawn makes its first process by way of another, which ends at once: which one it is shows when systemd answers there.
    const leader = await until('the machine', async () => await bootedIn(container), BOOT_MS_MAX);
    const within = (argv: readonly string[], input = '') => inside(leader, argv, input);
    return {
      async run(argv, input) {
        const { exitCode, stdout, stderr } = await within(argv, input);
        if (exitCode !== 0) throw new Error(`${argv.join(' ')}: ${exitCode}\n${stdout}\n${stderr}`);
        return stdout;
      },
      exitCode: async (argv) => (await within(argv)).exitCode ?? -1,
      stop: () => end(container),
    };
  } catch (error) {
    await end(container);
    throw error;
  }
}

const inside = (leader: number, argv: readonly string[], input = '') =>
  execa('nsenter', ['--target', String(leader), '--all', '--', ...argv], { input, reject: false });

async function bootedIn(container: ChildProcess): Promise<number | undefined> {
  if (container.exitCode !== null) throw new Error(`systemd-nspawn ended with ${container.exitCode}`);
  const [leader] = childrenOf(container.pid ?? 0);
  if (leader === undefined) return undefined;
  const { stdout } = await inside(leader, ['systemctl', 'is-system-running']);
  return stdout === 'running' || stdout === 'degraded' ? leader : undefined;
}

async function end(container: ChildProcess): Promise<void> {
  if (container.exitCode !== null || container.signalCode !== null) return;
  const ended = once(container, 'exit');
  container.kill('SIGKILL');
  await ended;
}
