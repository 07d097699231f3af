import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';

/** A program of ours as a process of its own, that a test starts, kills and starts again. */
export interface TestProgram {
  /** What it logged, of all its lives. */
  readonly logged: readonly Record<string, unknown>[];
  readonly pid: number;
  /** The first record that fits of those that it logs from now on. */
  next(fits: (record: Record<string, unknown>) => boolean): Promise<Record<string, unknown>>;
  /** Resolves when it is ready. @throws Error where it ends before */
  start(env?: Readonly<Record<string, string>>): Promise<void>;
  /** Resolves when it has ended by itself, with the signal that ended it. */
  ended(): Promise<NodeJS.Signals | null>;
  /** SIGKILL; resolves when it is gone. */
  kill9(): Promise<void>;
  /** SIGTERM; resolves with its exit code. */
  stop(): Promise<number | null>;
}

/**
 * @param name as it calls itself: it logs `NAME is ready`
 * @param argv the program and its arguments
 */
export function testProgram(name: string, [file = '', ...args]: readonly string[]): TestProgram {
  const logged: Record<string, unknown>[] = [];
  const waiting = new Set<(record: Record<string, unknown>) => void>();
  let child: ChildProcess | undefined;
  let exited: Promise<unknown[]> | undefined;

  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    child?.kill(signal);
    await exited;
    return child?.exitCode ?? null;
  };
  return {
    logged,
    get pid() {
      return child?.pid ?? 0;
    },
    async start(env = {}) {
      // It ends with this process, also where that is killed.
      const argv = ['--pdeathsig', 'KILL', file, ...args];
      const started = spawn('setpriv', argv, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } });
      child = started;
      exited = once(started, 'close');
      const ready = Promise.withResolvers<void>();
      onLines(started.stdout, (line) => {
        const record = JSON.parse(line) as Record<string, unknown>;
        logged.push(record);
        for (const tell of [...waiting]) tell(record);
        if (process.env.SKERRY_TEST_LOG) process.stderr.write(`${line}\n`);
        if (record.msg === `${name} is ready`) ready.resolve();
      });
      started.once('exit', (code, signal) => ready.reject(new Error(`${name} ended with ${code ?? signal}`)));
      await ready.promise;
    },
    next: (fits) =>
      new Promise((resolve) => {
        const tell = (record: Record<string, unknown>): void => {
          if (!fits(record)) return;
          waiting.delete(tell);
          resolve(record);
        };
        waiting.add(tell);
      }),
    ended: async () => {
      await exited;
      return child?.signalCode ?? null;
    },
    kill9: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
  };
}

/** What is not ended by a line end is no line: its writer was killed. */
function onLines(stream: Readable, take: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
  });
}
