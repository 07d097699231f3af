import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { SKERRY } from '#shared/called.ts';
import { Failure } from '#shared/errors.ts';
import { EXIT } from './failing.ts';
import { optionsOf, ROOT } from './rig-options.ts';

export const RESTORE_USAGE = `${SKERRY} restore --backup FILE --central CENTRAL.YAML`;
const FLAGS = { backup: { type: 'string' }, central: { type: 'string' } } as const;

/** Let central, which is down, go back to a backup. @returns exit code */
export async function restore(argv: string[]): Promise<number> {
  const { backup, central } = optionsOf(argv, FLAGS, RESTORE_USAGE);
  if (backup === undefined || central === undefined)
    throw new Failure('bad-argument', { field: 'command line', problem: `both are due: ${RESTORE_USAGE}` });
  const main = join(ROOT, 'central/main.ts');
  const args = [main, '--config', resolve(central), '--restore', resolve(backup)];
  const { exitCode } = await execa(process.execPath, args, { stdio: 'inherit', reject: false });
  return exitCode === 0 ? EXIT.done : EXIT.failed;
}
