import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Failure, messageOf } from '#shared/errors.ts';

/** Where the clone is that this program is of. */
export const CLONE = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

type Flags = Readonly<Record<string, { type: 'string' | 'boolean'; multiple?: boolean }>>;
const COMMON = {
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** Options of a program. @throws Failure bad-argument */
export function optionsOf<F extends Flags>(argv: readonly string[], flags: F) {
  try {
    return parseArgs({ args: [...argv], options: { ...COMMON, ...flags }, strict: true }).values;
  } catch (error) {
    throw new Failure('bad-argument', { field: 'command line', problem: `${messageOf(error)} (--help says more)` });
  }
}

/** Run a program to its exit code: what is expected to fail is told in a line, and without a stack. */
export async function asProgram(work: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await work();
  } catch (error) {
    console.error(error instanceof Failure ? error.message : error);
    process.exitCode = 2;
  }
}
