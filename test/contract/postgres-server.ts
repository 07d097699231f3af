import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';

const exec = promisify(execFile);

/** Where Debian's postgresql-15 has its programs. */
const PROGRAMS = '/usr/lib/postgresql/15/bin';
const OWNER = 'postgres';
const START_MS_MAX = 30_000;
const LOOK_MS = 50;

/** A PostgreSQL of the test's own: a UNIX socket in a temporary folder, and no port. */
export interface PostgresServer {
  /** A new, empty database. @returns its URL */
  newDatabase(): Promise<string>;
  /** Ask past everything of ours. */
  query(url: string, sql: string): Promise<Record<string, unknown>[]>;
  /** SIGKILL to the server and all that serve for it; `start` brings the same again, with what was committed. */
  kill9(): Promise<void>;
  start(): Promise<void>;
  /** End it, and remove its folder. */
  close(): Promise<void>;
}

export const hasPostgres = (): boolean => existsSync(join(PROGRAMS, 'postgres'));

/** @throws Error where it does not come up */
export async function startPostgres(): Promise<PostgresServer> {
  // short: a UNIX socket's path has room for 107 bytes
  const folder = await mkdtemp(join(tmpdir(), 'sk-'));
  const data = join(folder, 'data');
  const drop = await dropTo(folder);
  const init = ['-D', data, '-U', OWNER, '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync'];
  await exec('setpriv', [...drop, join(PROGRAMS, 'initdb'), ...init], { cwd: folder });
  let server: ChildProcess | undefined;
  let ended: Promise<void> = Promise.resolve();
  const urlOf = (name: string): string => `postgres://${OWNER}@/${name}?host=${folder}`;

  const start = async (): Promise<void> => {
    const options = ['-D', data, '-k', folder, '-c', 'listen_addresses=', '-c', 'shared_buffers=16MB'];
    const child = spawn('setpriv', [...drop, join(PROGRAMS, 'postgres'), ...options], { cwd: folder, stdio: 'ignore' });
    server = child;
    ended = new Promise((resolve) => child.once('exit', () => resolve()));
    await until(async () => {
      if (child.exitCode !== null) throw new Error(`postgres ended with ${child.exitCode}`);
      return query(urlOf('postgres'), 'select 1').then(
        () => true,
        () => false,
      );
    });
  };
  const kill9 = async (): Promise<void> => {
    if (server?.pid === undefined) return;
    // Stopped, it starts no other that would outlive it and keep its memory from the next one.
    killed(server.pid, 'SIGSTOP');
    for (const pid of [server.pid, ...(await childrenOf(server.pid))]) killed(pid, 'SIGKILL');
    await ended;
  };
  const close = async (): Promise<void> => {
    await kill9();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  await start().catch(async (error) => {
    await close();
    throw error;
  });
  let databases = 0;
  return {
    query,
    kill9,
    start,
    close,
    newDatabase: async () => {
      const name = `site${++databases}`;
      await query(urlOf('postgres'), `create database ${name}`);
      return urlOf(name);
    },
  };
}

/** PostgreSQL does not run as root: then as Debian's own user. It dies with this process. */
async function dropTo(folder: string): Promise<string[]> {
  if (userInfo().uid !== 0) return ['--pdeathsig=KILL'];
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map(async (which) => Number((await exec('id', [which, OWNER])).stdout)),
  );
  await chown(folder, uid ?? 0, gid ?? 0);
  return ['--pdeathsig=KILL', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end().catch(() => {});
  }
}

async function childrenOf(pid: number): Promise<number[]> {
  const { stdout } = await exec('ps', ['-o', 'pid=', '--ppid', String(pid)]).catch(() => ({ stdout: '' }));
  return stdout.split('\n').map(Number).filter(Boolean);
}

function killed(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + START_MS_MAX;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`postgres did not come within ${START_MS_MAX} ms`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
