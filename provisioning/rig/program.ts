import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { Failure } from '#shared/errors.ts';
import type { Machine } from './machine.ts';
import { areGone, childrenOf, type ProcessId, processId, RIG_MARK, signal } from './processes.ts';

/** A program of the rig that runs until it is stopped, in a machine or beside them. */
export interface Program {
  /** Itself, not the door that it was sent through. */
  readonly process: ProcessId;
  /** With its exit code; null when a signal ended it. */
  readonly ended: Promise<number | null>;
  /** Ask it to end, and force it when it has not done so in time. */
  stop(timeoutMs: number): Promise<void>;
}

export interface ProgramOptions {
  rigDir: string;
  name: string;
  argv: readonly [string, ...string[]];
  /** Without it the program runs in the main namespaces. */
  machine: Machine | undefined;
  logFile: string;
  env?: Readonly<Record<string, string>>;
}

/** Start a program; its output is appended to a file. @throws Failure setup-needed when it ends at once */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const { rigDir, name, machine, argv, env } = options;
  const [file, ...args] = machine?.enter(argv) ?? ['setpriv', '--pdeathsig', 'KILL', ...argv];
  const log = await open(options.logFile, 'a', 0o600);
  const child = spawn(file, args, {
    stdio: ['ignore', log.fd, log.fd],
    detached: true,
    env: { ...process.env, ...env, [RIG_MARK]: rigDir },
  });
  // Listened for at once: a program that cannot be started says so in the next tick.
  const closed = once(child, 'close').then(
    ([code]) => code as number | null,
    () => null,
  );
  await log.close();
  const inner = child.pid === undefined ? undefined : await innerOf(child.pid, machine !== undefined);
  if (inner === undefined)
    throw new Failure('setup-needed', { problem: `${name} ended at once; see ${options.logFile}` });
  return {
    process: inner,
    ended: closed,
    async stop(timeoutMs) {
      signal(inner, 'SIGTERM');
      if (!(await areGone([inner], timeoutMs))) signal(inner, 'SIGKILL');
      await closed;
    },
  };
}

/** Through nsenter, which must fork to enter a PID namespace, the program is its child. */
async function innerOf(pid: number, isThroughDoor: boolean): Promise<ProcessId | undefined> {
  if (!isThroughDoor) return processId(pid);
  while (processId(pid) !== undefined) {
    const [child] = childrenOf(pid);
    const found = child === undefined ? undefined : processId(child);
    if (found !== undefined) return found;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return undefined;
}
