import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import xml from '@xmpp/xml';
import { centralVerbs } from '#shared/verbs/central.ts';
import { runVerb } from '#shared/xmpp/commands-client.ts';
import { xmppClient } from '#shared/xmpp/connection/client.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { answerBare, bareIq } from '../answering.ts';
import { type Figure, ms, rate, timesOf } from '../figures.ts';
import type { Fleet } from './fleet.ts';
import { guestName, monotonicMs } from './messages.ts';
import { natsRequests } from './nats.ts';

const WAIT_MS = 300_000;
const QUIET_MS = 1_000;
const SEEN_MS_MAX = 10_000;
const AT_ONCE = 200;
const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const seconds = (value: number): string => (value < 1000 ? ms(value) : `${(value / 1000).toFixed(1)} s`);

/** Do something, and see how long it takes until central tells all of it. */
export async function converging(
  fleet: Fleet,
  name: string,
  nth: number,
  on: boolean,
  work: () => Promise<void>,
): Promise<Figure> {
  const begin = performance.now();
  await work();
  const worked = performance.now() - begin;
  await fleet.tells(nth, on, WAIT_MS);
  const took = performance.now() - begin;
  return { name, value: seconds(took), floor: `what was done itself ${seconds(worked)}` };
}

/** Central's inventory and the drivers' truth, guest for guest. */
export async function agreement(fleet: Fleet): Promise<Figure> {
  const truth = await fleet.truth();
  const begin = performance.now();
  const known = await fleet.known();
  const took = performance.now() - begin;
  const wrong = truth.length === known.length ? truth.filter((line, at) => line !== known[at]).length : 'a number of';
  if (wrong !== 0) throw new Error(`central has ${wrong} guests wrong: ${known.length} of ${truth.length}`);
  const pages = Math.ceil((truth.length + 1) / 1_000);
  return {
    name: `all ${truth.length} guests by guest list, each as its driver has it`,
    value: seconds(took),
    note: `${pages} pages`,
  };
}

/** Each host's guest `nth` is switched `rounds` times over; each switch is a report, as long as none waits for another. */
export async function reporting(fleet: Fleet, rounds: number): Promise<Figure> {
  const begin = performance.now();
  for (let round = 0; round < rounds; round++) {
    await fleet.switchAll(1, round % 2 === 0);
    await fleet.tells(1, round % 2 === 0, WAIT_MS);
  }
  const total = fleet.hosts.length * rounds;
  const persecond = (total * 1000) / (performance.now() - begin);
  return { name: `reports, from all hosts at once, each on central's disk`, value: `${persecond.toFixed(0)} a second` };
}

/** `host.health` of all hosts through central, `host.info` by central, against as many bare IQs to another client. */
export async function fanOut(fleet: Fleet): Promise<Figure[]> {
  const { asker, centralJid, hosts } = fleet;
  const peer = await peerOf(fleet);
  try {
    answerBare(peer);
    const total = hosts.length;
    const at = (n: number): string => hosts[n % hosts.length] ?? '';
    const ask = (verb: 'host.health' | 'host.info') => async (n: number) =>
      void (await runVerb(asker, centralJid, verb, centralVerbs[verb], { host: at(n) }));
    const bare = () => bareIq(asker, peer.fullJid ?? '', 0);
    const samples = { health: [] as number[], info: [] as number[], bare: [] as number[] };
    for (let round = 0; round < 3; round++) {
      samples.bare.push(total / (await rate(total, AT_ONCE, bare)));
      samples.info.push(total / (await rate(total, AT_ONCE, ask('host.info'))));
      samples.health.push(total / (await rate(total, AT_ONCE, ask('host.health'))));
    }
    const [health, info, floor] = [samples.health, samples.info, samples.bare].map(
      (all) => 1000 * timesOf(all).p50Ms,
    ) as [number, number, number];
    const nats = await natsRequests(total, AT_ONCE);
    const beside = { floor: `as many bare IQs ${seconds(floor)}` };
    return [
      {
        name: `host info of ${total} hosts, ${AT_ONCE} at once`,
        value: seconds(info),
        ...beside,
        ratio: info / floor,
        aim: 2,
      },
      {
        name: `host health of ${total} hosts, passed to each agent`,
        value: seconds(health),
        ...beside,
        ratio: health / floor,
        aim: 2,
      },
      ...(nats === undefined
        ? []
        : [
            {
              name: 'NATS, a request to each of as many subscribers',
              value: seconds(nats),
              note: 'for comparison: no TLS',
            },
          ]),
    ];
  } finally {
    await peer.stop();
  }
}

/** From a driver's event to the contact's presence at a client. */
export async function eventToPresence(fleet: Fleet, rounds: number): Promise<Figure[]> {
  const { asker, centralJid, crews } = fleet;
  const samples: number[] = [];
  const [crew] = crews;
  const host = crew?.hosts[0];
  if (!crew || !host) throw new Error('the fleet has no hosts');
  const guest = guestName(host, 5);
  const jid = `${guest}@${centralJid}`;
  await asker.send(xml('presence', { to: jid, type: 'subscribe' }), 'refuse');
  await delay(QUIET_MS);
  for (let round = 0; round < rounds; round++) {
    const on = round % 2 === 0;
    const seen = Promise.withResolvers<number>();
    const off = asker.onPresence((presence) => {
      const { from = '', type } = presence.attrs;
      const isOff = presence.getChildText('show') === 'xa';
      if (from.startsWith(`${jid}/`) && type === undefined && isOff !== on) seen.resolve(monotonicMs());
    });
    const late = setTimeout(() => seen.reject(new Error(`no presence of ${guest}`)), SEEN_MS_MAX);
    const told = await crew.switch(host, guest, on);
    samples.push((await seen.promise) - told);
    clearTimeout(late);
    off();
  }
  const { p50Ms, p99Ms } = timesOf(samples);
  return [
    { name: `driver's event to the contact's presence, p50 of ${rounds}`, value: ms(p50Ms) },
    {
      name: `driver's event to the contact's presence, p99 of ${rounds}`,
      value: ms(p99Ms),
      floor: 'aim 50 ms',
      ratio: p99Ms / 50,
      aim: 1,
    },
  ];
}

/** How many connections came in each second after `since`, and how many attempts failed. */
export async function curve(fleet: Fleet, since: number): Promise<string> {
  const all = await Promise.all(fleet.crews.map((crew) => crew.connections()));
  const perSecond = (times: number[]): number[] => {
    const counts: number[] = [];
    for (const time of times)
      if (time >= since)
        counts[Math.floor((time - since) / 1000)] = (counts[Math.floor((time - since) / 1000)] ?? 0) + 1;
    return Array.from(counts, (count) => count ?? 0);
  };
  const connected = perSecond(all.flatMap((each) => each.connected));
  const failed = perSecond(all.flatMap((each) => each.failed));
  return `logins a second: ${connected.join(' ')}\nlosses and failed attempts a second: ${failed.join(' ')}`;
}

async function peerOf({ server }: Fleet): Promise<Entity> {
  const account = { ...server.account('peer'), resource: 'bench', service: server.xmpp, ca: server.ca };
  const peer = xmppClient({ ...account, log: SILENT, onBug: console.error });
  await peer.start();
  return peer;
}

/** CPUs and memory: a figure without its machine says little. */
export async function machine(): Promise<string> {
  const cpus = (await readFile('/proc/cpuinfo', 'utf8')).match(/^processor/gm)?.length;
  const memory = /MemTotal:\s+(\d+)/.exec(await readFile(join('/proc', 'meminfo'), 'utf8'))?.[1];
  return `${cpus} CPUs, ${Math.round(Number(memory) / 2 ** 20)} GiB`;
}
