import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';

const MAIN = fileURLToPath(new URL('../../central/main.ts', import.meta.url));

export interface CentralProcess {
  /** SIGKILL; resolves when it is gone. */
  kill9(): Promise<void>;
  start(): Promise<void>;
  memoryMiB(): Promise<number>;
}

export interface CentralPlan {
  folder: string;
  jid: string;
  secret: string;
  port: number;
  hosts: readonly string[];
  admin: string;
}

/** The real central, as a process that dies with this one; it writes its log into its folder. */
export async function centralProcess(plan: CentralPlan): Promise<CentralProcess> {
  const { folder, jid, secret, port, hosts, admin } = plan;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const configFile = join(folder, 'central.yaml');
  await writeFile(join(folder, 'secret.json'), JSON.stringify({ jid, secret }), { mode: 0o600 });
  const config = {
    jid,
    secret: 'secret.json',
    service: { host: '127.0.0.1', port },
    state: 'state',
    hosts: [...hosts],
    policy: { grants: [{ role: 'admin', jid: admin }] },
  };
  await writeFile(configFile, stringify(config), { mode: 0o600 });
  let child: ChildProcess | undefined;
  const profile = process.env.SKERRY_BENCH_PROFILE
    ? ['--cpu-prof', `--cpu-prof-dir=${process.env.SKERRY_BENCH_PROFILE}`]
    : [];
  return {
    async start() {
      const log = await open(join(folder, 'central.log'), 'a', 0o600);
      child = spawn('setpriv', ['--pdeathsig', 'KILL', process.execPath, ...profile, MAIN, '--config', configFile], {
        stdio: ['ignore', log.fd, log.fd],
      });
      await log.close();
    },
    async kill9() {
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
    memoryMiB: async () => {
      const status = await readFile(`/proc/${child?.pid}/status`, 'utf8');
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
    },
  };
}
