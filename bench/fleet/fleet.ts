/**
 * A fleet of fake hosts, at a real ejabberd, with a real central: agents by the hundred in a few processes.
 *
 * Everything is in the server's temporary folder, and ends with `stop`, or with this process.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import xml from '@xmpp/xml';
import { ensureAccount, writeCredentials } from '#shared/ejabberd/accounts.ts';
import { Failure } from '#shared/errors.ts';
import type { SiteGuestRecord } from '#shared/model/site.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import { runVerb } from '#shared/xmpp/commands-client.ts';
import { xmppClient } from '#shared/xmpp/connection/client.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { type TestServer, testServer } from '#test/system/support/server.ts';
import { type CentralProcess, centralProcess } from './central-process.ts';
import { type Crew, startCrew } from './crew.ts';
import { type GuestTruth, guestName } from './messages.ts';

export interface FleetSize {
  hosts: number;
  /** Of each host. */
  guests: number;
  workers: number;
}

export interface Fleet {
  readonly server: TestServer;
  readonly centralJid: string;
  readonly hosts: readonly string[];
  readonly central: CentralProcess;
  readonly crews: readonly Crew[];
  /** One who may do all. */
  readonly asker: Entity;
  /** Kill one of the processes with agents, and start it again. */
  killCrew(index: number): Promise<void>;
  startCrews(): Promise<void>;
  /** As the drivers have it, sorted. */
  truth(): Promise<string[]>;
  /** As central tells it, sorted; a guest whose host it does not hear is marked. */
  known(): Promise<string[]>;
  /** How many hosts central hears; undefined: it does not answer. */
  heard(): Promise<number | undefined>;
  /** Until central hears all hosts, and tells this guest of each as on, or as off. @throws Error after timeoutMs */
  tells(nth: number, on: boolean, timeoutMs: number): Promise<void>;
  /** Switch this guest of each host, behind the agents' backs. */
  switchAll(nth: number, on: boolean): Promise<void>;
  stop(): Promise<void>;
}

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const PAGE = 1_000;
const LOOK_MS = 100;
const SECRET = 'a secret of the fleet alone';

/** Server and central run, agents do not yet. */
export async function startFleet({ hosts: count, guests, workers }: FleetSize): Promise<Fleet> {
  const centralJid = 'central.skerry.test';
  const server = await testServer({ accounts: ['asker', 'peer'], components: { [centralJid]: SECRET } });
  const hosts = Array.from({ length: count }, (_, n) => `h${String(n).padStart(4, '0')}`);
  const folder = join(server.folder, 'hosts');
  for (const host of hosts) {
    const account = await ensureAccount(server.api, { jid: `${host}@${server.domain}`, password: `pw-${host}` });
    await writeCredentials(join(folder, host, 'account.json'), account);
  }
  const central = await centralProcess({
    folder: join(server.folder, 'central'),
    ...{ jid: centralJid, secret: SECRET, port: server.componentPort, hosts, admin: `asker@${server.domain}` },
  });
  await central.start();
  const asker = xmppClient({
    ...server.account('asker'),
    ...{ resource: 'bench', service: server.xmpp, ca: server.ca, log: SILENT, onBug: console.error },
  });
  // What central answers to a probe goes to those who are available; a new session is not.
  asker.onStatus(({ status }) => status === 'online' && void asker.send(xml('presence'), 'drop'));
  await asker.start();

  const crews: Crew[] = [];
  const plans = Array.from({ length: workers }, (_, n) => hosts.filter((_, index) => index % workers === n));
  const { host, port } = server.xmpp;
  const begin = async (index: number): Promise<void> => {
    const common = { domain: server.domain, central: centralJid, service: { host, port }, caFile: server.caFile };
    const plan = { ...common, folder, guests, hosts: plans[index] ?? [] };
    crews[index] = await startCrew(plan, join(server.folder, `worker-${index}.json`));
  };
  const heard = () => heardBy(asker, centralJid);
  return {
    ...{ server, centralJid, hosts, central, crews, asker, heard },
    killCrew: async (index) => {
      await crews[index]?.kill9();
      await begin(index);
    },
    startCrews: async () => void (await Promise.all(plans.map((_, index) => begin(index)))),
    truth: async () => (await Promise.all(crews.map((crew) => crew.truth()))).flat().map(lineOf).sort(),
    known: () => knownBy(asker, centralJid),
    tells: (nth, on, timeoutMs) => tells(asker, centralJid, count, { nth, on, timeoutMs }),
    switchAll: async (nth, on) => {
      for (const crew of crews)
        await Promise.all(crew.hosts.map((each) => crew.switch(each, guestName(each, nth), on)));
    },
    stop: async () => {
      await Promise.all(crews.map((crew) => crew.kill9()));
      await asker.stop();
      await central.kill9();
      await server.stop();
    },
  };
}

const lineOf = ({ host, name, state }: GuestTruth): string => `${host} ${name} ${state}`;

/** Central's own presence says it. A probe costs it nothing. */
async function heardBy(asker: Entity, centralJid: string): Promise<number | undefined> {
  if (!asker.isOnline) return undefined;
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  const off = asker.onPresence((presence) => {
    const found = /^(\d+) of \d+ hosts heard/.exec(presence.getChildText('status') ?? '');
    if (presence.attrs.from === centralJid) resolve(found ? Number(found[1]) : undefined);
  });
  await asker.send(xml('presence', { to: centralJid, type: 'probe' }), 'drop');
  const limit = new AbortController();
  const late = delay(2_000, undefined, { signal: limit.signal }).catch(() => undefined);
  try {
    return await Promise.race([promise, late]);
  } finally {
    limit.abort();
    off();
  }
}

/** Looks again and again: what central tells, not when it was told. */
async function tells(
  asker: Entity,
  centralJid: string,
  count: number,
  { nth, on, timeoutMs }: { nth: number; on: boolean; timeoutMs: number },
): Promise<void> {
  const end = performance.now() + timeoutMs;
  const args = { match: guestName('', nth), state: on ? 'running' : 'shutoff', limit: 10_000 };
  for (;;) {
    const began = performance.now();
    const list = () => runVerb(asker, centralJid, 'guest.list', centralVerbs['guest.list'], args, { timeoutMs: 5_000 });
    const guests = (await list().then(
      ({ value }) => value,
      (error) => (error instanceof Failure ? [] : Promise.reject(error)),
    )) as SiteGuestRecord[];
    const fresh = guests.filter(({ asOf }) => asOf === undefined).length;
    if (fresh === count && (await heardBy(asker, centralJid)) === count) return;
    if (performance.now() > end)
      throw new Error(`central tells ${fresh} of ${count} guests ${args.match} ${args.state}`);
    // To look is work for central too: it shall have at least as long for what is measured.
    await delay(Math.max(LOOK_MS, performance.now() - began));
  }
}

async function knownBy(asker: Entity, centralJid: string): Promise<string[]> {
  const lines: string[] = [];
  for (let from = 0; ; from += PAGE) {
    const { value } = await runVerb(asker, centralJid, 'guest.list', centralVerbs['guest.list'], { limit: PAGE, from });
    const page = value as SiteGuestRecord[];
    for (const guest of page) lines.push(`${lineOf(guest)}${guest.asOf === undefined ? '' : ' (not heard)'}`);
    if (page.length < PAGE) return lines.sort();
  }
}
