import { readdir, readFile } from 'node:fs/promises';
import type { Run } from '#agent/exec/run.ts';
import { readIfThere } from '#agent/files/folder.ts';
import { Failure } from '#shared/errors.ts';

/** A process that runs. */
export interface Process {
  pid: number;
  parent: number;
  /** Clock ticks from boot to its start: with the pid it names one process for ever. */
  startedAt: string;
  argv: readonly string[];
  /** Its effective user; 0 is root. */
  user: number;
}

/**
 * The processes in a network namespace; none where there is no such namespace.
 *
 * @throws Failure host-command
 */
export async function processesIn(run: Run, namespace: string, signal: AbortSignal): Promise<Process[]> {
  const pids = (await pidsIn(run, namespace, signal)).split('\n').filter((line) => /^\d+$/.test(line));
  const found = await Promise.all(pids.map((pid) => processOf(Number(pid))));
  return found.filter((each) => each !== undefined);
}

/** All processes that are seen from here. */
export async function processesHere(): Promise<Process[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map((pid) => processOf(Number(pid))));
  return found.filter((each) => each !== undefined);
}

async function pidsIn(run: Run, namespace: string, signal: AbortSignal): Promise<string> {
  try {
    return await run({ file: 'ip', args: ['netns', 'pids', namespace], timeoutMs: 30_000 }, signal);
  } catch (error) {
    if (error instanceof Failure && /No such file or directory|Invalid argument/.test(error.message)) return '';
    throw error;
  }
}

/** Undefined where it has ended. */
export async function processOf(pid: number): Promise<Process | undefined> {
  try {
    const [cmdline, stat, status] = await Promise.all([
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/status`, 'utf8'),
    ]);
    // The name in parentheses may hold anything; what follows it begins with the third field.
    const [state = '', parent = '', ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z' || state === 'X') return undefined;
    const user = Number(/^Uid:\s+\d+\s+(\d+)/m.exec(status)?.[1]);
    return { pid, parent: Number(parent), startedAt: rest[17] ?? '', argv: cmdline.split('\0').slice(0, -1), user };
  } catch (error) {
    // ESRCH: it ended between the two.
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH'))
      return undefined;
    throw error;
  }
}

/** The processes that one has started and that have not ended; undefined where this kernel does not tell (proc(5), `children`). */
export async function startedBy({ pid }: Process): Promise<Process[] | undefined> {
  const pids = await readIfThere(`/proc/${pid}/task/${pid}/children`);
  if (pids === undefined) return undefined;
  const found = await Promise.all(pids.split(' ').map((each) => (each === '' ? undefined : processOf(Number(each)))));
  return found.filter((each) => each !== undefined);
}

/** Whether a process that was read has not ended. */
export const isThere = async ({ pid, startedAt }: Process): Promise<boolean> =>
  (await processOf(pid))?.startedAt === startedAt;

/** The process that a pid file names, if it is still the one that wrote it: `PID START`, with the time of its start. */
export async function saidIn(file: string): Promise<Process | undefined> {
  const [pid = '', startedAt] = ((await readIfThere(file)) ?? '').trim().split(' ');
  if (!/^[1-9]\d*$/.test(pid)) return undefined;
  const found = await processOf(Number(pid));
  return found?.startedAt === startedAt ? found : undefined;
}

/** Tell a process something, if it is still the one that was read. */
export async function tell(one: Process, word: NodeJS.Signals): Promise<void> {
  const { pid } = one;
  if (!(await isThere(one))) return;
  try {
    process.kill(pid, word);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
