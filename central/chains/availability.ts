/**
 * Responsibilities: know whether a JID is available, and since which moment for certain.
 *
 * Theory of operation: of guests and hosts of the site the inventory tells. Of all others central asks for the presence, from its own
 * JID (RFC 6121 section 3.1), and probes for it each time that somebody looks (section 4.3): what was heard since the probe is certain.
 *
 * What can go wrong: the person has not approved, or takes it back: nothing is heard, and the look is in vain. Their server is gone: no
 * probe is answered, and what was heard before grows old.
 */
import xml, { type Element } from '@xmpp/xml';
import type { Site } from '#central/inventory/site.ts';
import type { Clock } from '#shared/clock.ts';
import { isActive } from '#shared/model/guest.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { bareOf, domainpartOf, localpartOf, resourceOf } from '#shared/xmpp/jid.ts';

export interface AvailabilityDeps {
  entity: Pick<Entity, 'bareJid' | 'isOnline' | 'onPresence' | 'onStatus' | 'send'>;
  site: Site;
  clock: Clock;
  /** Something was heard of this bare JID, or was not heard any more. */
  heard(bareJid: string): void;
  onBug(error: unknown): void;
}

export interface Availability {
  /** Ask how it is, where that has to be asked. @returns since when answers count, by the clock */
  ask(jid: string): number;
  /** Why it is not known to be available since that moment; undefined: it is. */
  lackOf(jid: string, since: number): string | undefined;
  /** Only these bare JIDs are looked at from now on. */
  only(bareJids: ReadonlySet<string>): void;
  stop(): void;
}

interface Contact {
  /** When each of its resources was heard last, by the clock. */
  resources: Map<string, number>;
  isRefused: boolean;
  probedAt: number;
}

/** However many look at one JID, it is not probed more often. */
const PROBE_MS = 1_000;

export function availability({ entity, site, clock, heard, onBug }: AvailabilityDeps): Availability {
  const contacts = new Map<string, Contact>();
  const domain = entity.bareJid;
  const send = (jid: string, type: string): void =>
    void entity.send(xml('presence', { from: domain, to: jid, type }), 'drop').catch(onBug);
  const isOwn = (jid: string): boolean => domainpartOf(jid) === domain || site.hostByJid(bareOf(jid)) !== undefined;
  const contactOf = (bareJid: string): Contact => {
    const known = contacts.get(bareJid);
    if (known) return known;
    const made: Contact = { resources: new Map(), isRefused: false, probedAt: Number.NEGATIVE_INFINITY };
    contacts.set(bareJid, made);
    send(bareJid, 'subscribe');
    return made;
  };

  const onPresence = (stanza: Element): void => {
    const { from = '', to = '', type } = stanza.attrs;
    const bare = bareOf(from);
    const contact = contacts.get(bare);
    if (!contact || localpartOf(to) !== '') return;
    if (type === undefined) contact.resources.set(resourceOf(from), clock.now());
    else if (type === 'unavailable' && resourceOf(from) !== '') contact.resources.delete(resourceOf(from));
    else if (type === 'unavailable' || type === 'unsubscribed' || type === 'error') contact.resources.clear();
    if (type === 'unsubscribed') contact.isRefused = true;
    if (type === undefined || type === 'subscribed') contact.isRefused = false;
    if (type === 'subscribed') send(bare, 'probe');
    heard(bare);
  };
  const offs = [
    entity.onPresence(onPresence),
    entity.onStatus(({ status }) => {
      // What went while nobody listened is not told again.
      if (status === 'online') for (const { resources } of contacts.values()) resources.clear();
    }),
  ];

  return {
    ask: (jid) => {
      const now = clock.now();
      if (isOwn(jid)) return now;
      const contact = contactOf(bareOf(jid));
      if (now - contact.probedAt < PROBE_MS) return contact.probedAt;
      contact.probedAt = now;
      send(bareOf(jid), 'probe');
      return now;
    },
    lackOf: (jid, since) => {
      if (isOwn(jid)) return ownLack(site, domain, jid);
      const contact = contacts.get(bareOf(jid));
      const resource = resourceOf(jid);
      const times = [...(contact?.resources ?? [])].filter(([name]) => resource === '' || name === resource);
      if (times.some(([, at]) => at >= since)) return undefined;
      if (contact?.isRefused) return `${bareOf(jid)} does not let ${domain} see their presence`;
      return times.length > 0 ? `nothing is heard of ${jid} any more` : `${jid} is not seen available`;
    },
    only: (bareJids) => {
      for (const bare of [...contacts.keys()]) if (!bareJids.has(bare)) contacts.delete(bare);
    },
    stop: () => {
      for (const off of offs) off();
    },
  };
}

/** A guest counts as available while it is on, although its contact shows others how it is off. */
function ownLack(site: Site, domain: string, jid: string): string | undefined {
  const host = site.hostByJid(bareOf(jid));
  if (host) return host.reach === 'heard' ? undefined : `${host.name} is not heard`;
  const name = localpartOf(jid);
  if (name === '') return undefined;
  const guest = site.find(name);
  if (!guest) return `there is no guest ${name} at ${domain}`;
  if (guest.host.reach !== 'heard') return `${guest.host.name}, where ${name} is, is not heard`;
  return isActive(guest.guest.state) ? undefined : `${name} is ${guest.guest.state}`;
}
