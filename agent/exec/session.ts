import { execa } from 'execa';
import { commandText } from './run.ts';

/** A process that stays: what it says is heard as it comes, and it can be told things. */
export interface Session {
  readonly pid: number | undefined;
  /** Settles when the process has ended and all it said was heard; never rejects. */
  readonly ended: Promise<SessionEnd>;
  /** Write to its standard input. What is written after its end is dropped: `ended` tells. */
  write(what: string | Uint8Array): void;
  /** End it: SIGTERM, and SIGKILL where that does not help in time. Settles when it has ended. */
  kill(): Promise<void>;
}

export interface SessionEnd {
  /** Why it ended, for people. */
  problem: string;
  exitCode?: number | undefined;
}

export interface SessionOptions {
  file: string;
  args: readonly string[];
  env?: Readonly<Record<string, string>>;
  onOut(chunk: string): void;
  onError(chunk: string): void;
}

const KILL_MS = 1_000;

/**
 * Start a process that stays.
 *
 * Nothing is kept here of what it says. It dies with this process, as far as Node gets to see its own end.
 */
export function startSession({ file, args, env, onOut, onError }: SessionOptions): Session {
  const child = execa(file, args, {
    stdin: 'pipe',
    buffer: false,
    reject: false,
    env: { LC_ALL: 'C', ...env },
    forceKillAfterDelay: KILL_MS,
    encoding: 'utf8',
  });
  child.stdout.setEncoding('utf8').on('data', onOut);
  child.stderr.setEncoding('utf8').on('data', onError);
  child.stdin.on('error', () => {}); // EPIPE: the process has ended, and `ended` says so
  const ended = child.then(
    (result): SessionEnd => ({
      problem: result.code === 'ENOENT' ? `there is no program ${file} here` : (result.shortMessage ?? 'it ended'),
      exitCode: result.exitCode,
    }),
    (error: unknown): SessionEnd => ({ problem: `${commandText({ file, args })}: ${error}` }),
  );
  return {
    pid: child.pid,
    ended,
    write: (what) => {
      if (child.stdin.writable) child.stdin.write(what);
    },
    kill: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Hand on whole lines of what comes in pieces. */
export function lines(onLine: (line: string) => void): (chunk: string) => void {
  let rest = '';
  return (chunk) => {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts) onLine(line);
  };
}
