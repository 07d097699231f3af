import type { Run } from '#agent/exec/run.ts';
import { Failure } from '#shared/errors.ts';
import { bad, GOOD, type Look } from './look.ts';

/** What the configuration allows: a name, and the program with its arguments. */
export type Commands = Readonly<Record<string, readonly string[]>>;

const OUTPUT_BYTES_MAX = 65_536;

/** Whether a command of the host's own list exits with 0. Nothing that is asked gets into its arguments. */
export function commandLook(
  { commands, run, host }: { commands: Commands; run: Run; host: string },
  name: string,
  limitMs: number,
): Look {
  const [file, ...args] = (Object.hasOwn(commands, name) ? commands[name] : undefined) ?? [];
  if (file === undefined) return async () => bad(`${host} allows no command ${name}: its configuration lists them`);
  return async (signal) => {
    try {
      await run({ file, args, timeoutMs: limitMs, outputBytesMax: OUTPUT_BYTES_MAX, withDescendants: true }, signal);
      return GOOD;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Failure) return bad(saidBy(error));
      throw error;
    }
  };
}

/** Where it ended by itself: its exit code, and the first line of what it said. */
function saidBy(error: Failure): string {
  const { exitCode, problem } = error.details;
  if (exitCode === undefined) return error.message;
  const [line = ''] = String(problem ?? '').split('\n');
  return `it ended with exit code ${exitCode}${line === '' ? '' : `: ${line}`}`;
}
