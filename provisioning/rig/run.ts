import { ExecaError, execa } from 'execa';
import { Failure } from '#shared/errors.ts';

export interface RunOptions {
  input?: string;
  cwd?: string;
  env?: Readonly<Record<string, string>>;
  timeoutMs?: number;
}

/**
 * Run a program of the machine to its end and return its stdout, less the last newline. Never a shell.
 * @throws Failure setup-needed when there is no such program; host-command with what it said on stderr; host-timeout
 */
export async function run(argv: readonly [string, ...string[]], options: RunOptions = {}): Promise<string> {
  const [file, ...args] = argv;
  const { input, cwd, timeoutMs = 60_000 } = options;
  const command = argv.join(' ').slice(0, 200);
  try {
    const { stdout } = await execa(file, args, {
      ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
      ...(cwd === undefined ? {} : { cwd }),
      env: { LC_ALL: 'C', ...options.env },
      timeout: timeoutMs,
    });
    return stdout;
  } catch (error) {
    if (!(error instanceof ExecaError)) throw error;
    if (error.code === 'ENOENT') throw new Failure('setup-needed', { problem: `there is no program ${file} here` });
    if (error.timedOut) throw new Failure('host-timeout', { command, timeoutS: timeoutMs / 1_000 });
    const problem = `${command}: ${String(error.stderr ?? '').trim() || error.shortMessage}`;
    throw new Failure('host-command', { problem, command, exitCode: error.exitCode }, { cause: error });
  }
}
