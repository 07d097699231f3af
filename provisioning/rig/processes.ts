import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** The variable that every process of a rig has in its environment; its value is the rig's folder. */
export const RIG_MARK = 'SKERRY_RIG';

/** A process for good: its number may be used again, its number with its start time is not. */
export interface ProcessId {
  pid: number;
  /** Clock ticks since boot; field 22 of /proc/PID/stat, proc(5). */
  startTicks: number;
}

/** @returns undefined when there is no such process, or only its remains */
export function processId(pid: number): ProcessId | undefined {
  const fields = statOf(pid);
  return fields === undefined || fields[0] === 'Z' ? undefined : { pid, startTicks: Number(fields[19]) };
}

export const isAlive = ({ pid, startTicks }: ProcessId): boolean => processId(pid)?.startTicks === startTicks;

/** The children of a process, by number. */
export function childrenOf(pid: number): number[] {
  return allPids().filter((each) => Number(statOf(each)?.[1]) === pid);
}

/** What is alive of a rig: every process that has its mark, but this one. */
export function processesOf(rigDir: string): ProcessId[] {
  const mark = `${RIG_MARK}=${rigDir}`;
  return allPids()
    .filter((pid) => pid !== process.pid && environmentOf(pid).includes(mark))
    .map(processId)
    .filter((found) => found !== undefined);
}

/** Send a signal to a process that may be gone. */
export function signal(target: ProcessId, name: NodeJS.Signals): void {
  if (!isAlive(target)) return;
  try {
    process.kill(target.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Wait until none of them is alive. @returns whether that came about in time */
export async function areGone(targets: readonly ProcessId[], timeoutMs: number): Promise<boolean> {
  const end = performance.now() + timeoutMs;
  while (targets.some(isAlive)) {
    if (performance.now() > end) return false;
    await delay(20);
  }
  return true;
}

const allPids = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);

/** Fields of /proc/PID/stat from the third on: the second is a name that may hold blanks and parentheses. */
function statOf(pid: number): string[] | undefined {
  const text = readProc(pid, 'stat');
  return text === '' ? undefined : text.slice(text.lastIndexOf(')') + 2).split(' ');
}

const environmentOf = (pid: number): string[] => readProc(pid, 'environ').split('\0');

/** Empty when the process is gone, or is not ours to look into. */
function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
