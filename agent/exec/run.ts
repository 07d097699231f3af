import { ExecaError, execa } from 'execa';
import { Failure } from '#shared/errors.ts';

/** One process to be run to its end: a program and its arguments, never a line for a shell. */
export interface Command {
  file: string;
  args: readonly string[];
  timeoutMs: number;
  /** Its standard input; without it there is none. */
  input?: string | Uint8Array;
  env?: Readonly<Record<string, string>>;
  cwd?: string;
  /** More than this on stdout or stderr is an error, not a full memory. */
  outputBytesMax?: number;
}

/** What runs commands; tests pass one of their own. */
export type Run = (command: Command, signal: AbortSignal) => Promise<string>;

const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
const TERM_MS = 2_000;

/** A command as people would type it, cut to what a message can hold. */
export const commandText = ({ file, args }: Pick<Command, 'file' | 'args'>): string =>
  [file, ...args].join(' ').slice(0, 200);

/**
 * Run a command and return its stdout, less the last newline.
 *
 * A command that takes too long, or is called off, gets SIGTERM, and SIGKILL two seconds later.
 * @throws Failure host-command with what it said on stderr, host-timeout; the signal's reason when that fires
 */
export const run: Run = async (command, signal) => {
  signal.throwIfAborted();
  try {
    const { stdout } = await execa(command.file, command.args, {
      ...(command.input === undefined ? { stdin: 'ignore' as const } : { input: command.input }),
      env: { LC_ALL: 'C', ...command.env },
      timeout: command.timeoutMs,
      cancelSignal: signal,
      maxBuffer: command.outputBytesMax ?? OUTPUT_BYTES_MAX,
      forceKillAfterDelay: TERM_MS,
      ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
    });
    return stdout;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw failureOf(command, error);
  }
};

/** The row of the table for a command that did not end well. */
function failureOf(command: Command, error: unknown): unknown {
  if (!(error instanceof ExecaError)) return error;
  if (error.timedOut) {
    return new Failure('host-timeout', { command: commandText(command), timeoutS: command.timeoutMs / 1_000 });
  }
  const stderr = String(error.stderr ?? '').trim();
  const problem = error.isMaxBuffer
    ? `${commandText(command)} wrote more than ${command.outputBytesMax ?? OUTPUT_BYTES_MAX} bytes`
    : error.code === 'ENOENT'
      ? `there is no program ${command.file} here`
      : stderr.slice(0, 2_000) || error.shortMessage;
  return new Failure(
    'host-command',
    { problem, command: commandText(command), exitCode: error.exitCode, signal: error.signal },
    { cause: error },
  );
}
