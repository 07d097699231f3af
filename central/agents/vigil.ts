/**
 * Responsibilities: know which hosts are heard, and ask those that are not.
 *
 * Theory of operation: an agent reports when something changes, and half a minute after its last report in any case. Its server tells when its
 * session ended (directed presence). After central or its connection was away, each agent is asked, so many at once.
 *
 * What can go wrong: silence. It says nothing of the guests, so only the host's reach changes.
 */

import type { Element } from '@xmpp/xml';
import type { Site } from '#central/inventory/site.ts';
import type { Clock } from '#shared/clock.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { bareOf, resourceOf } from '#shared/xmpp/jid.ts';
import { requestReport } from '#shared/xmpp/report.ts';

export interface VigilDeps {
  entity: Pick<Entity, 'request' | 'onStatus' | 'isOnline' | 'bareJid'>;
  site: Site;
  clock: Clock;
  onBug(error: unknown): void;
}

/** Three reports that did not come. */
const SILENT_MS = 100_000;
const LOOK_MS = 5_000;
const ASKED_AT_ONCE = 20;
/** An agent that was asked and whose server says that it is not there is given so long to connect by itself. */
const GRACE_MS = 15_000;

export function vigil({ entity, site, clock, onBug }: VigilDeps): { onPresence(stanza: Element): void; stop(): void } {
  /** Since when we can hear: nothing before counts as silence. */
  let listeningSince = clock.now();
  let callOff = (): void => {};
  let round = 0;
  const unanswered = new Map<string, number>();

  const ask = async (name: string, thisRound: number): Promise<void> => {
    const host = site.findHost(name);
    if (!host || thisRound !== round) return;
    try {
      await requestReport(entity, entity.bareJid, `${host.jid}/agent`, `${listeningSince}`);
      unanswered.delete(name);
    } catch {
      if (!unanswered.has(name)) unanswered.set(name, clock.now());
    }
  };
  const askAll = async (names: readonly string[]): Promise<void> => {
    const thisRound = ++round;
    const left = [...names];
    const one = async (): Promise<void> => {
      for (let name = left.shift(); name !== undefined; name = left.shift()) await ask(name, thisRound);
    };
    await Promise.all(Array.from({ length: ASKED_AT_ONCE }, one));
  };
  const look = (): void => {
    callOff = clock.after(LOOK_MS, look);
    if (!entity.isOnline) return;
    const now = clock.now();
    const quiet = site.hosts().filter(({ reach }) => reach !== 'heard');
    for (const host of site.hosts()) {
      const heardAt = Math.max(listeningSince, Date.parse(host.heardAt ?? host.enrolledAt));
      const askedAt = unanswered.get(host.name);
      if (host.reach !== 'unreachable' && now - heardAt > SILENT_MS) site.lose(host.name, 'it has been silent');
      else if (host.reach === 'stale' && askedAt !== undefined && now - Math.max(askedAt, listeningSince) > GRACE_MS)
        site.lose(host.name, 'its agent is not connected');
    }
    askAll(quiet.map(({ name }) => name)).catch(onBug);
  };
  const offStatus = entity.onStatus(({ status }) => {
    if (status === 'offline') return;
    listeningSince = clock.now();
    unanswered.clear();
    askAll(site.hosts().map(({ name }) => name)).catch(onBug);
  });
  callOff = clock.after(LOOK_MS, look);

  return {
    onPresence: (stanza) => {
      const { from = '', type } = stanza.attrs;
      const host = site.hostByJid(bareOf(from));
      if (host && type === 'unavailable' && resourceOf(from) === 'agent')
        site.lose(host.name, 'its agent is not connected');
    },
    stop: () => {
      callOff();
      offStatus();
    },
  };
}
