import { ExecaError, execa } from 'execa';
import { Failure } from '#shared/errors.ts';
import { descendantsEnd, TERM_MS } from './descendants-end.ts';

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
  /** At its end nothing that it started goes on: what people write starts other programs, which may hang. */
  withDescendants?: boolean;
}

/** What runs commands; tests pass one of their own. */
export type Run = (command: Command, signal: AbortSignal) => Promise<string>;

const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

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
  let letGo = (): void => {};
  using ending = descendantsEnd({ ...command, killed: () => letGo() }, signal);
  try {
    const child = execa(command.file, command.args, {
      ...(command.input === undefined ? { stdin: 'ignore' as const } : { input: command.input }),
      env: { LC_ALL: 'C', ...command.env },
      timeout: command.timeoutMs,
      cancelSignal: signal,
      maxBuffer: command.outputBytesMax ?? OUTPUT_BYTES_MAX,
      forceKillAfterDelay: TERM_MS,
      ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
      ...(command.withDescendants ? { detached: true } : {}),
    });
    ending.of(child.pid);
    letGo = () => {
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const { stdout } = await child;
    // It may have ended well itself, and what it left behind not at all.
    if (ending.isLate) throw timedOut(command);
    return stdout;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw ending.isLate ? timedOut(command) : failureOf(command, error);
  }
};

const timedOut = (command: Command): Failure =>
  new Failure('host-timeout', { command: commandText(command), timeoutS: command.timeoutMs / 1_000 });

/** The row of the table for a command that did not end well. */
function failureOf(command: Command, error: unknown): unknown {
  if (!(error instanceof ExecaError)) return error;
  if (error.timedOut) return timedOut(command);
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
