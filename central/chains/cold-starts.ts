/**
 * Responsibilities: have each host know what it brings up by itself when it boots.
 *
 * Theory of operation: a host is given the files of the chains with `autostart` that name it, unless they were ordered down. It is sent
 * them when they change, and when its agent begins anew, until it has confirmed what is due.
 *
 * What can go wrong: a host is away while something changes. It boots with what it had: what it starts then is taken as it is, and a
 * chain that was ordered down meanwhile has to be ordered down again.
 */
import { isHeardAnew } from '#central/inventory/anew.ts';
import type { SiteChange } from '#central/inventory/known-site.ts';
import type { Site } from '#central/inventory/site.ts';
import type { Clock } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';
import { sendColdStart } from '#shared/xmpp/cold-start.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import type { ChainBook } from './book.ts';

export interface ColdStartsDeps {
  entity: Pick<Entity, 'request' | 'onStatus' | 'isOnline' | 'bareJid'>;
  site: Site;
  book: ChainBook;
  clock: Clock;
  log: Record<'warn', (fields: object, message: string) => void>;
}

const AGAIN_MS = 10_000;

export function coldStarts({ entity, site, book, clock, log }: ColdStartsDeps): { refresh(): void; stop(): void } {
  const confirmed = new Map<string, string>();
  const busy = new Set<string>();
  let version = clock.now();
  let callOff = (): void => {};

  /** In one pass over all nodes: there may be many of both. */
  const dueByHost = (): Map<string, { text: string; by: string }[]> => {
    const due = new Map<string, { text: string; by: string }[]>();
    for (const { stored, chain, graph } of book.list()) {
      if (!chain.autostart || stored.wanted === 'down') continue;
      const hosts = new Set(graph.nodes.flatMap(({ spec }) => spec.host ?? []));
      for (const host of hosts) due.set(host, [...(due.get(host) ?? []), { text: stored.text, by: stored.by }]);
    }
    return due;
  };
  const give = async (name: string, chains = dueByHost().get(name) ?? []): Promise<void> => {
    const host = site.findHost(name);
    const due = JSON.stringify(chains);
    if (host?.reach !== 'heard' || !entity.isOnline || busy.has(name) || confirmed.get(name) === due) return;
    busy.add(name);
    version = Math.max(version + 1, clock.now());
    try {
      await sendColdStart(entity, { from: entity.bareJid, to: `${host.jid}/agent` }, { version, chains });
      confirmed.set(name, due);
    } catch (error) {
      log.warn(
        { host: name, problem: error instanceof Failure ? error.message : String(error) },
        'cold start not given',
      );
    } finally {
      busy.delete(name);
    }
  };
  const refresh = (): void => {
    const due = dueByHost();
    for (const name of new Set([...due.keys(), ...confirmed.keys()])) void give(name, due.get(name) ?? []);
  };
  const look = (): void => {
    callOff = clock.after(AGAIN_MS, look);
    refresh();
  };
  const onChange = (change: SiteChange): void => {
    if (!isHeardAnew(change)) return;
    // What it keeps may be of long ago, or of another central.
    confirmed.delete(change.name);
    void give(change.name);
  };
  const off = site.onChange(onChange);
  callOff = clock.after(AGAIN_MS, look);
  refresh();
  return {
    refresh,
    stop: () => {
      off();
      callOff();
    },
  };
}
