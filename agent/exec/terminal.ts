import { execa } from 'execa';
import { Failure, messageOf } from '#shared/errors.ts';

/** A program that runs on a terminal of its own. */
export interface Terminal {
  onData(listener: (chunk: Uint8Array) => void): void;
  /** It has ended, and all that it wrote was told. */
  onEnd(listener: () => void): void;
  /** @throws Failure host-command when it has ended */
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/**
 * What gives a program a terminal: Python's own module does on each system that has it, in the same way.
 * @see https://docs.python.org/3/library/pty.html#pty.spawn
 */
export const ON_A_TERMINAL = ['python3', '-c', 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)'] as const;
const KILL_MS = 2_000;

/**
 * Run a program that wants a terminal, as those for consoles do.
 *
 * Nothing is read before somebody listens.
 * @param wrapper what gives it one: it is told the program and its arguments
 * @throws Failure host-command where the wrapper is not there
 */
export function startOnTerminal(
  argv: readonly string[],
  wrapper: readonly [string, ...string[]] = ON_A_TERMINAL,
): Terminal {
  const [file, ...args] = wrapper;
  const child = execa(file, [...args, ...argv], {
    ...{ stdin: 'pipe', buffer: false, reject: false, encoding: 'buffer' },
    env: { LC_ALL: 'C' },
    forceKillAfterDelay: KILL_MS,
  });
  child.stdin.on('error', () => {}); // EPIPE: it has ended, and `ended` says so
  child.stderr.resume();
  let isOver = false;
  const ended = child.then(() => {
    isOver = true;
  });
  return {
    onData: (listener) => void child.stdout.on('data', listener),
    onEnd: (listener) => void ended.then(listener),
    write: (bytes) =>
      new Promise((resolve, reject) => {
        if (isOver || !child.stdin.writable) reject(over(argv));
        else child.stdin.write(bytes, (error) => (error ? reject(over(argv, error)) : resolve()));
      }),
    close: async () => {
      child.kill('SIGTERM');
      child.stdout.resume();
      await ended;
    },
  };
}

const over = (argv: readonly string[], cause?: unknown): Failure =>
  new Failure('host-command', { problem: `${argv[0]} has ended${cause ? `: ${messageOf(cause)}` : ''}` }, { cause });
