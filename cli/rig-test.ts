import { join } from 'node:path';
import { execa } from 'execa';
import { ensurePackages } from '#provisioning/packages.ts';
import { isPackaged, SKERRY } from '#shared/called.ts';
import { Failure } from '#shared/errors.ts';
import { ROOT } from './rig-options.ts';

export const TEST_USAGE = `${SKERRY} test [FILE OF TESTS …]`;

/**
 * `test`: install what tests need, check types, lint and format, and run all tests. The last line is
 * `N passed, N failed, N skipped`.
 * @returns 0 when all is well
 * @throws Failure setup-needed where this is no clone
 */
export async function test(argv: string[]): Promise<number> {
  if (isPackaged) throw new Failure('setup-needed', { problem: 'Packages have no tests: run them from a clone' });
  await ensurePackages(['rig', 'test'], (line) => console.log(line));
  const bin = join(ROOT, 'node_modules/.bin');
  const options = {
    cwd: ROOT,
    stdio: 'inherit',
    reject: false,
    // The Node that Skerry brings, for programs that look one up in the path.
    env: { PATH: `${bin}:${process.env.PATH ?? ''}` },
  } as const;
  const check = await execa('npm', ['run', '--silent', 'check'], options);
  if (check.exitCode !== 0) {
    console.log('\nThe check (types, lint, format) failed; tests were not run.\n0 passed, 1 failed, 0 skipped');
    return 1;
  }
  const { exitCode } = await execa(join(bin, 'node'), [join(ROOT, 'test/lanes/main.ts'), ...argv], options);
  return exitCode ?? 1;
}
