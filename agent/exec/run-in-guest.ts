import { Failure } from '#shared/errors.ts';
import type { Command } from './run.ts';
import type { EndOptions, ProcessEnd, runToEnd } from './run-to-end.ts';

/** `NAME=VALUE` each: what a program of root's has inside, where it has nothing of its host's. */
export const ENVIRONMENT_INSIDE = [
  'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  'HOME=/root',
] as const;

/** A program in a guest, as those who asked for it named it. */
export interface Asked {
  guest: string;
  command: readonly string[];
  limitMs: number;
}

/** No system takes a word with a zero byte in it: it would end there. @throws Failure program-failed */
export function requireWords({ guest, command }: Pick<Asked, 'guest' | 'command'>): void {
  const [program = ''] = command;
  if (command.some((word) => word.includes('\0')))
    throw new Failure('program-failed', { guest, program, problem: 'a word has a zero byte in it' });
}

/**
 * Run the tool that runs a program in a guest, to its end, whatever that is.
 *
 * @param late what was done about it at the limit, for people
 * @throws Failure program-late
 */
export async function runInGuest(
  run: typeof runToEnd,
  tool: Pick<Command, 'file' | 'args'>,
  { guest, command: [program = ''], limitMs }: Asked,
  { late, ...options }: EndOptions & { late: string },
  signal: AbortSignal,
): Promise<ProcessEnd> {
  const { file, args } = tool;
  const ended = await run({ file, args, timeoutMs: limitMs }, options, signal);
  if (!ended.isLate) return ended;
  throw new Failure('program-late', { guest, program, timeoutS: limitMs / 1_000, problem: late });
}
