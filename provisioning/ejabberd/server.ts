import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '#shared/errors.ts';
import { type EjabberdApi, ejabberdApi } from './api.ts';
import { ejabberdConfig } from './config.ts';
import type { Address, EjabberdOptions } from './options.ts';

export interface Ejabberd {
  readonly pid: number;
  readonly api: EjabberdApi;
  /** Resolves when it has ended, for whatever reason. */
  readonly ended: Promise<void>;
  /** Ask, wait, then kill. */
  stop(): Promise<void>;
  kill(): Promise<void>;
}

export interface StartOptions extends EjabberdOptions {
  /** Put before the command line: `nsenter …` runs it inside a machine of the rig. */
  prefix?: readonly string[];
  /** How a UNIX socket of its listeners is reached from here, where that is another path than its own. */
  outside?(socket: string): string;
}

const START_MS_MAX = 60_000;
const STOP_MS_MAX = 10_000;

/**
 * Run Debian's ejabberd as a child of this process, in the foreground, with everything in its folder: no service, no epmd,
 * no `su`. It dies with its parent. Resolves when it answers its API.
 *
 * @throws Failure setup-needed with the end of its log, where it does not come up
 */
export async function startEjabberd(options: StartOptions): Promise<Ejabberd> {
  const { folder, listen } = options;
  await prepare(options);
  const apiAt = listen.api[0];
  if (!apiAt) throw new Failure('setup-needed', { problem: 'ejabberd needs a listener for its API' });
  const [file = '', ...args] = [...(options.prefix ?? []), ...(await commandLine(folder))];
  const child = spawn(file, args, {
    cwd: join(folder, 'spool'),
    env: environment(folder),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = tailOf(child);
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', () => resolve());
  });
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  const api = ejabberdApi(outsideOf(apiAt, options.outside));
  try {
    await answering(api, child);
  } catch (error) {
    await kill();
    throw new Failure('setup-needed', { problem: `ejabberd did not come up: ${said()}` }, { cause: error });
  }
  return { pid: child.pid ?? 0, api, ended, kill, stop: () => stopping(child, ended) };
}

async function prepare(options: StartOptions): Promise<void> {
  const { folder, listen } = options;
  for (const name of ['spool', 'log', 'upload']) await mkdir(join(folder, name), { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const { prefix: _, outside, ...config } = options;
  await writeFile(join(folder, 'ejabberd.yml'), ejabberdConfig(config), { mode: 0o600 });
  // Names are looked up in files and nowhere else.
  await writeFile(join(folder, 'inetrc'), '{lookup,["file","native"]}.\n');
  const cookie = join(folder, '.erlang.cookie');
  if (!existsSync(cookie)) await writeFile(cookie, randomBytes(24).toString('hex'), { mode: 0o400 });
  for (const at of Object.values(listen).flat()) {
    // A socket that a killed server left behind would keep the next one from listening.
    if ('socket' in at) await rm(outside ? outside(at.socket) : at.socket, { force: true });
  }
}

/** `erl` as /usr/sbin/ejabberdctl starts it, without its shell, `su` and epmd; the node's distribution listens nowhere. */
async function commandLine(folder: string): Promise<string[]> {
  const name = 'skerry@localhost';
  return [
    'setpriv',
    '--pdeathsig',
    'KILL',
    'erl',
    '-noinput',
    '-sname',
    name,
    '-dist_listen',
    'false',
    '-start_epmd',
    'false',
    '+K',
    'true',
    '+P',
    '250000',
    '-mnesia',
    'dir',
    `"${join(folder, 'spool')}"`,
    '-s',
    'ejabberd',
  ];
}

const environment = (folder: string): NodeJS.ProcessEnv => ({
  PATH: process.env.PATH,
  LANG: 'C.UTF-8',
  HOME: folder,
  ERL_LIBS: `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`,
  EJABBERD_CONFIG_PATH: join(folder, 'ejabberd.yml'),
  EJABBERD_LOG_PATH: join(folder, 'log/ejabberd.log'),
  ERL_INETRC: join(folder, 'inetrc'),
  ERL_MAX_PORTS: '32000',
  ERL_MAX_ETS_TABLES: '2000',
  ERL_CRASH_DUMP_BYTES: '0',
  ...(process.env.SKERRY_RIG === undefined ? {} : { SKERRY_RIG: process.env.SKERRY_RIG }),
});

const outsideOf = (at: Address, outside?: (socket: string) => string): Address =>
  'socket' in at && outside ? { socket: outside(at.socket) } : at;

/** It tells nobody when it is ready, so it is asked. */
async function answering(api: EjabberdApi, child: ChildProcess): Promise<void> {
  const end = performance.now() + START_MS_MAX;
  for (;;) {
    try {
      await api('status', {});
      return;
    } catch (error) {
      if (child.exitCode !== null || child.signalCode !== null || performance.now() > end) throw error;
    }
    await delay(30);
  }
}

async function stopping(child: ChildProcess, ended: Promise<void>): Promise<void> {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
  await ended;
  clearTimeout(timer);
}

function tailOf(child: ChildProcess): () => string {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (part: string) => {
      text = (text + part).slice(-2_000);
    });
  }
  child.once('error', (error) => {
    text += error.message;
  });
  return () => text.trim();
}

/** The end of its log, for people who look for what went wrong. */
export const readLog = (folder: string): Promise<string> => readFile(join(folder, 'log/ejabberd.log'), 'utf8');
