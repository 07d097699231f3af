import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { access, chmod, constants, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Address } from '#shared/ejabberd/address.ts';
import { type EjabberdApi, ejabberdApi } from '#shared/ejabberd/api.ts';
import { Failure } from '#shared/errors.ts';
import { answering } from './answering.ts';
import { ejabberdConfig } from './config.ts';
import { commandLine, environment } from './erl.ts';
import type { EjabberdOptions } from './options.ts';

export interface Ejabberd {
  /** Of what was started: with a prefix, that is the prefix's. */
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

const STOP_MS_MAX = 10_000;
const SAID_MAX = 2_000;

/**
 * Run Debian's ejabberd as a child of this process, in the foreground, with everything in its folder: no service, no epmd,
 * no `su`. It dies with its parent. Resolves when all its listeners accept.
 *
 * @throws Failure config-invalid; setup-needed with what it said, where it does not come up
 */
export async function startEjabberd(options: StartOptions): Promise<Ejabberd> {
  const { folder, listen, prefix = [] } = options;
  const apiAt = listen.api[0];
  if (!apiAt) throw new Failure('config-invalid', { file: 'listen.api', problem: 'name a UNIX socket' });
  await prepare(options);
  const log = await logFrom(folder);
  const [file = '', ...args] = [...prefix, ...commandLine(folder)];
  const child = spawn(file, args, {
    cwd: join(folder, 'spool'),
    env: await environment(folder),
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
    await answering(api, () => hasEnded(child));
  } catch (cause) {
    await kill();
    const problem = `ejabberd did not come up: ${(await log.trouble()) ?? (said() || 'it said nothing')}`;
    throw new Failure('setup-needed', { problem }, { cause });
  }
  return { pid: child.pid ?? 0, api, ended, kill, stop: () => stopping(child, ended) };
}

/** Write what it reads. Run again, it keeps the cookie and the database, and all else is as the options say. */
export async function prepare({ prefix: _, outside, ...config }: StartOptions): Promise<void> {
  const { folder, listen } = config;
  const text = ejabberdConfig(config);
  // Without one it would come up all the same, and refuse everybody.
  await access(config.certificate, constants.R_OK).catch(({ message }) => {
    throw new Failure('config-invalid', { file: 'certificate of ejabberd', problem: message });
  });
  for (const name of ['spool', 'log', 'upload']) await mkdir(join(folder, name), { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  await writeFile(join(folder, 'ejabberd.yml'), text, { mode: 0o600 });
  // Names are looked up in files and nowhere else.
  await writeFile(join(folder, 'inetrc'), '{lookup,["file","native"]}.\n');
  const cookie = join(folder, '.erlang.cookie');
  if (!existsSync(cookie)) await writeFile(cookie, randomBytes(24).toString('hex'), { mode: 0o400 });
  for (const at of Object.values(listen).flat()) {
    // A socket that a killed server left behind would keep the next one from listening.
    if ('socket' in at) await rm(outside ? outside(at.socket) : at.socket, { force: true });
  }
}

const outsideOf = (at: Address, outside?: (socket: string) => string): Address =>
  'socket' in at && outside ? { socket: outside(at.socket) } : at;

const hasEnded = (child: ChildProcess): boolean =>
  child.pid === undefined || child.exitCode !== null || child.signalCode !== null;

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
      text = (text + part).slice(-SAID_MAX);
    });
  }
  child.once('error', (error) => {
    text += error.message;
  });
  return () => text.trim();
}

/** Its log from now on; what the last one wrote is not said of this one. */
async function logFrom(folder: string): Promise<{ trouble(): Promise<string | undefined> }> {
  const read = (): Promise<string> => readFile(join(folder, 'log/ejabberd.log'), 'utf8').catch(() => '');
  const before = (await read()).length;
  return {
    // The first line of the first fault names it; supervisors then tell one another at length.
    trouble: async () => /\[(?:error|critical)\] \S+ (.+)/.exec((await read()).slice(before))?.[1],
  };
}
