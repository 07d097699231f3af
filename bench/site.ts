import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { writeCredentials } from '#shared/ejabberd/accounts.ts';
import { xmppClient } from '#shared/xmpp/connection/client.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { type TestServer, testServer } from '#test/system/support/server.ts';

/** A real ejabberd, a real agent process with the fake driver, and two clients. */
export interface BenchSite {
  asker: Entity;
  peer: Entity;
  agentJid: string;
  agentMemoryMiB(): Promise<number>;
  stop(): Promise<void>;
}

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export async function benchSite(guests: number): Promise<BenchSite> {
  const server = await testServer({ accounts: ['host1', 'asker', 'peer'] });
  const agent = await startAgent(server, guests);
  const entityFor = (name: string): Entity =>
    xmppClient({
      ...server.account(name),
      resource: 'bench',
      service: server.xmpp,
      ca: server.ca,
      log: SILENT,
      onBug: console.error,
    });
  const [asker, peer] = [entityFor('asker'), entityFor('peer')];
  await Promise.all([asker.start(), peer.start()]);
  return {
    asker,
    peer,
    agentJid: `host1@${server.domain}/agent`,
    agentMemoryMiB: () => residentMiB(agent.pid ?? 0),
    stop: async () => {
      await Promise.all([asker.stop(), peer.stop()]);
      agent.kill('SIGTERM');
      await once(agent, 'exit');
      await server.stop();
    },
  };
}

async function startAgent(server: TestServer, guests: number): Promise<ChildProcess> {
  const folder = join(server.folder, 'agent');
  await mkdir(folder, { recursive: true });
  await writeCredentials(join(folder, 'credentials.json'), server.account('host1'));
  const config = {
    jid: `host1@${server.domain}`,
    credentials: 'credentials.json',
    service: { host: server.xmpp.host, port: server.xmpp.port },
    ca: server.caFile,
    driver: { kind: 'fake', guests },
    state: 'state',
    policy: { grants: [{ role: 'admin', jid: `asker@${server.domain}` }] },
  };
  await writeFile(join(folder, 'agent.yaml'), stringify(config));
  const agent = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', process.execPath, 'agent/main.ts', '--config', join(folder, 'agent.yaml')],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  await saying(agent, 'connected to the server');
  return agent;
}

/** Wait for a line of its log. */
async function saying(child: ChildProcess, words: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (part: string) => {
    text = (text + part).slice(-20_000);
    if (text.includes(words)) resolve();
  });
  child.once('exit', () => reject(new Error(`the agent ended: ${text}`)));
  await promise;
}

async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
}
