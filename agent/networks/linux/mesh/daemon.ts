import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Run } from '#agent/exec/run.ts';
import { keepFile } from '#agent/files/folder.ts';
import { type Process, saidIn, tell } from '#agent/services/processes.ts';
import { paused, systemClock } from '#shared/clock.ts';
import { FILES, runScript } from './conf.ts';

const NAME = 'wireguard-go';
const SUPERVISE = new URL('../../../services/supervise.sh', import.meta.url);
const LOOK_MS = 25;
const END_MS_MAX = 5_000;

/** wireguard-go where the kernel has no WireGuard, and who keeps it up; undefined is not there. */
export interface Daemon {
  supervisor: Process | undefined;
  /** It has made the link that has our name. */
  program: Process | undefined;
}

export async function readDaemon(folder: string): Promise<Daemon> {
  const [supervisor, program] = await Promise.all([
    saidIn(join(folder, `${NAME}.pid`)),
    saidIn(join(folder, FILES.program)),
  ]);
  return { supervisor, program };
}

/** Start it under a supervisor that outlives the agent: the one of routers' services. One whose supervisor was killed is ended first. */
export async function supervise(run: Run, folder: string, signal: AbortSignal): Promise<void> {
  const { supervisor } = await readDaemon(folder);
  if (supervisor) return;
  await endDaemon(folder, signal);
  const script = join(folder, 'supervise');
  await keepFile(script, await readFile(SUPERVISE, 'utf8'));
  await keepFile(join(folder, `run-${NAME}`), runScript(folder));
  const args = ['--mount', 'setsid', '--fork', 'sh', script, folder, NAME, '/mnt'];
  await run({ file: 'unshare', args, timeoutMs: 30_000 }, signal);
}

/** End it, with who keeps it up; resolves when both are gone, and its link with them. */
export async function endDaemon(folder: string, signal: AbortSignal): Promise<void> {
  const lateMs = systemClock.now() + END_MS_MAX;
  for (let word: NodeJS.Signals | undefined = 'SIGTERM'; ; ) {
    const { supervisor, program } = await readDaemon(folder);
    const left = [supervisor, program].filter((each) => each !== undefined);
    if (left.length === 0) return;
    if (systemClock.now() > lateMs) word = 'SIGKILL';
    for (const each of word ? left : []) await tell(each, word ?? 'SIGTERM');
    word = undefined;
    await paused(systemClock, LOOK_MS, signal);
    signal.throwIfAborted();
  }
}

/** The end of its log. */
export async function lastWordsOf(folder: string): Promise<string> {
  const text = await readFile(join(folder, `${NAME}.log`), 'utf8').catch(() => '');
  return text.trim().split('\n').slice(-3).join('; ').slice(-300) || 'it said nothing';
}
