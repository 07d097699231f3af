import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Element } from '@xmpp/xml';
import xml from '@xmpp/xml';
import { stringify } from 'yaml';
import type { Entity } from '#shared/xmpp/entity.ts';
import { bareOf } from '#shared/xmpp/jid.ts';
import { type TestProgram, testProgram } from './program.ts';
import type { TestServer } from './server.ts';

const MAIN = fileURLToPath(new URL('../../../agent/main.ts', import.meta.url));
const WAIT_MS = 60_000;

/** An agent as a process of its own, with the fake driver, that a test starts, kills and starts again. */
export interface TestAgent extends TestProgram {
  readonly jid: string;
  readonly fullJid: string;
  readonly folder: string;
  readonly configFile: string;
  /** Where the fake hypervisor keeps its guests, and counts what was done to them. */
  readonly stateFile: string;
  /** End it, whatever it does, and remove its folder. */
  remove(): Promise<void>;
}

export async function testAgent(
  server: TestServer,
  options: {
    name: string;
    policy: object;
    driver?: object;
    central?: string;
    metrics?: object;
    networks?: object;
    migration?: object;
  },
): Promise<TestAgent> {
  const folder = await mkdtemp(join(tmpdir(), 'skerry-agent-'));
  const account = server.account(options.name);
  const stateFile = join(folder, 'hypervisor.jsonl');
  const configFile = join(folder, 'agent.yaml');
  await mkdir(join(folder, 'state'), { mode: 0o700 });
  await writeFile(join(folder, 'account.json'), JSON.stringify(account), { mode: 0o600 });
  const config = {
    jid: account.jid,
    credentials: 'account.json',
    service: { host: server.xmpp.host, port: server.xmpp.port },
    ca: server.caFile,
    driver: driverOf(options.driver, stateFile),
    state: 'state',
    policy: options.policy,
    ...(options.central ? { central: options.central } : {}),
    ...(options.metrics ? { metrics: options.metrics } : {}),
    ...(options.networks ? { networks: options.networks } : {}),
    ...(options.migration ? { migration: options.migration } : {}),
  };
  await writeFile(configFile, stringify(config));
  const program = testProgram('agent', [process.execPath, MAIN, '--config', configFile]);
  const remove = async (): Promise<void> => {
    await program.kill9();
    await rm(folder, { recursive: true, force: true });
  };
  const { jid } = account;
  return Object.assign(program, { jid, fullJid: `${jid}/agent`, folder, configFile, stateFile, remove });
}

/** The fake, unless a test names another. */
const driverOf = (driver: object = {}, stateFile: string): object =>
  'kind' in driver ? driver : { kind: 'fake', bootMs: 0, shutdownMs: 0, stateFile, ...driver };

/** Somebody's view of the agent's presence, which must be granted. */
export interface PresenceView {
  /** Until a presence comes, from now on, that fits. */
  next(what: string, fits: (presence: Element) => boolean, timeoutMs?: number): Promise<Element>;
  readonly latest: Element | undefined;
}

/** Subscribe to the agent's presence. It need not be online yet. */
export async function presenceOf(entity: Entity, jid: string): Promise<PresenceView> {
  let latest: Element | undefined;
  const waiting = new Set<(presence: Element) => void>();
  entity.onPresence((presence) => {
    if (bareOf(presence.attrs.from ?? '') !== jid || presence.attrs.type === 'subscribed') return;
    latest = presence;
    for (const wait of [...waiting]) wait(presence);
  });
  await entity.send(xml('presence'), 'refuse');
  await entity.send(xml('presence', { to: jid, type: 'subscribe' }), 'refuse');
  return {
    get latest() {
      return latest;
    },
    next: (what, fits, timeoutMs = WAIT_MS) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(take);
          reject(new Error(`waited for ${what}; the last presence was ${latest}`));
        }, timeoutMs);
        const take = (presence: Element): void => {
          if (!fits(presence)) return;
          clearTimeout(timer);
          waiting.delete(take);
          resolve(presence);
        };
        waiting.add(take);
      }),
  };
}

export const isAvailable = (presence: Element): boolean => presence.attrs.type === undefined;
