import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import type { TestServer } from './server.ts';

const MAIN = fileURLToPath(new URL('../../../central/main.ts', import.meta.url));

/** A component that a test server knows, for a central on it. */
export const CENTRAL = 'central.skerry.test';
export const CENTRAL_SECRET = 'the-secret-of-central';

/** Central as a process of its own, that a test starts, kills and starts again. */
export interface TestCentral {
  readonly folder: string;
  readonly configFile: string;
  /** Its folder for what it keeps. */
  readonly state: string;
  /** What it logged, of all its lives. */
  readonly logged: readonly Record<string, unknown>[];
  readonly pid: number;
  /** Resolves when it is ready. @throws Error where it ends before */
  start(env?: Readonly<Record<string, string>>): Promise<void>;
  /** Resolves when it has ended by itself, with the signal that ended it. */
  ended(): Promise<NodeJS.Signals | null>;
  /** SIGKILL; resolves when it is gone. */
  kill9(): Promise<void>;
  /** SIGTERM; resolves with its exit code. */
  stop(): Promise<number | null>;
  /** End it, whatever it does, and remove its folder. */
  remove(): Promise<void>;
}

/** @param options.command what stands before `node`: a program that becomes it in the end */
export async function testCentral(
  server: TestServer,
  options: { config: object; command?: (folder: string) => readonly string[] },
): Promise<TestCentral> {
  const folder = await mkdtemp(join(tmpdir(), 'skerry-central-'));
  const state = join(folder, 'state');
  const configFile = join(folder, 'central.yaml');
  await mkdir(state, { mode: 0o700 });
  const secret = JSON.stringify({ jid: CENTRAL, secret: CENTRAL_SECRET });
  await writeFile(join(folder, 'component.json'), secret, { mode: 0o600 });
  const config = {
    jid: CENTRAL,
    secret: 'component.json',
    service: { host: '127.0.0.1', port: server.componentPort },
    state: 'state',
    ...options.config,
  };
  await writeFile(configFile, stringify(config));
  const logged: Record<string, unknown>[] = [];
  let child: ChildProcess | undefined;
  let exited: Promise<unknown[]> | undefined;

  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    child?.kill(signal);
    await exited;
    return child?.exitCode ?? null;
  };
  return {
    folder,
    configFile,
    state,
    logged,
    get pid() {
      return child?.pid ?? 0;
    },
    async start(env = {}) {
      const [program = '', ...args] = [
        ...(options.command?.(folder) ?? []),
        process.execPath,
        MAIN,
        '--config',
        configFile,
      ];
      const started = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } });
      child = started;
      exited = once(started, 'close');
      const ready = Promise.withResolvers<void>();
      createInterface({ input: started.stdout }).on('line', (line) => {
        const record = JSON.parse(line) as Record<string, unknown>;
        logged.push(record);
        if (process.env.SKERRY_TEST_LOG) process.stderr.write(`${line}\n`);
        if (record.msg === 'central is ready') ready.resolve();
      });
      started.once('exit', (code, signal) => ready.reject(new Error(`central ended with ${code ?? signal}`)));
      await ready.promise;
    },
    ended: async () => {
      await exited;
      return child?.signalCode ?? null;
    },
    kill9: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
    async remove() {
      await end('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}
