/**
 * Responsibilities: every guest as a contact: who may see it may subscribe to it, and sees how it is.
 *
 * Theory of operation: a component has no roster at the server, so central keeps who subscribed to whom, answers probes, and sends each
 * change to each subscriber (RFC 6121 sections 3 and 4). The resource is the host: a guest that moves is unavailable there, and available
 * here.
 *
 * What can go wrong: central is away while somebody logs in; when it is back it tells everybody everything. A role is taken away. Then the subscription ends, and the contact is told to be gone, at the next change or probe.
 */

import { setImmediate } from 'node:timers/promises';
import xml, { type Element } from '@xmpp/xml';
import type { SiteChange, SiteGuest } from '#central/inventory/known-site.ts';
import type { Site } from '#central/inventory/site.ts';
import type { May } from '#shared/verb/policy.ts';
import { capsElement, type Identity } from '#shared/xmpp/disco.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { bareOf, localpartOf } from '#shared/xmpp/jid.ts';
import { guestPresence, isUnreachable } from './status.ts';
import type { Subscriptions } from './subscriptions.ts';
import { pictureElement } from './vcard.ts';

export interface ContactsDeps {
  entity: Entity;
  site: Site;
  subscriptions: Subscriptions;
  may: May;
  identity: Identity;
  /** Presence that came for central itself: of agents. */
  onOwnPresence(stanza: Element): void;
  onBug(error: unknown): void;
}

/** What all guests can do is the same: a client asks once, and knows it of all. */
export const GUEST_IDENTITY: Identity = { category: 'automation', type: 'skerry-guest', name: 'Skerry guest' };

/** Presences that are sent before something else has its turn. */
const TOLD_AT_ONCE = 200;

export interface Contacts {
  /** Tell one who sees this guest how it is. */
  greet(contact: string, jid: string): void;
  /** Who may see what has changed: who may not any more is told that the guest is gone. */
  recheck(): void;
  stop(): void;
}

export function serveContacts(deps: ContactsDeps): Contacts {
  const { entity, site, subscriptions, may, onBug } = deps;
  const domain = entity.bareJid;
  const send = (stanza: Element): void => void entity.send(stanza, 'drop').catch(onBug);
  const kept = (work: Promise<void>): void => void work.catch(onBug);
  const requesterOf = (jid: string) => ({ bareJid: bareOf(jid), fullJid: jid });
  const maySee = (jid: string, contact: string): boolean => may(requesterOf(jid), 'guest.info', { guest: contact });
  const presenceOf = (guest: SiteGuest, to: string): Element => {
    const presence = guestPresence(guest, domain);
    presence.attrs.to = to;
    if (presence.attrs.type !== undefined) return presence;
    presence.append(capsElement(GUEST_IDENTITY));
    presence.append(pictureElement());
    return presence;
  };

  const onSubscribe = (contact: string, jid: string): void => {
    const from = `${contact}@${domain}`;
    const guest = site.find(contact);
    const allowed = guest !== undefined && maySee(jid, contact);
    send(xml('presence', { from, to: jid, type: allowed ? 'subscribed' : 'unsubscribed' }));
    if (!guest || !allowed) return;
    kept(subscriptions.add(contact, jid));
    send(presenceOf(guest, jid));
  };
  const onUnsubscribe = (contact: string, jid: string): void => {
    kept(subscriptions.remove(contact, jid));
    send(xml('presence', { from: `${contact}@${domain}`, to: jid, type: 'unsubscribed' }));
  };
  const onProbe = (contact: string, jid: string): void => {
    const guest = site.find(contact);
    if (!guest || !subscriptions.has(contact, jid)) {
      send(xml('presence', { from: `${contact}@${domain}`, to: jid, type: 'unsubscribed' }));
    } else tellOne(guest, jid);
  };
  const tellOne = (guest: SiteGuest, jid: string): void => {
    if (maySee(jid, guest.contact)) send(presenceOf(guest, jid));
    else onUnsubscribe(guest.contact, jid);
  };

  const onPresence = (stanza: Element): void => {
    const { from = '', to = '', type } = stanza.attrs;
    const contact = localpartOf(to);
    const jid = bareOf(from);
    if (contact === '') {
      if (type === 'subscribe') onSubscribeToCentral(jid);
      else if (type === 'probe') send(ownPresence(deps, jid));
      else deps.onOwnPresence(stanza);
    } else if (type === 'subscribe') onSubscribe(contact, jid);
    else if (type === 'unsubscribe') onUnsubscribe(contact, jid);
    else if (type === 'probe') onProbe(contact, jid);
  };
  const onSubscribeToCentral = (jid: string): void => {
    const allowed = may(requesterOf(jid), 'host.list');
    send(xml('presence', { from: domain, to: jid, type: allowed ? 'subscribed' : 'unsubscribed' }));
    if (allowed) send(ownPresence(deps, jid));
  };

  const onChange = (change: SiteChange): void => {
    if (change.what !== 'guest') return;
    const { contact, before, after } = change;
    const watchers = subscriptions.of(contact);
    if (watchers.size === 0) return;
    const isElsewhere = before !== undefined && before.host.name !== after?.host.name && !isUnreachable(before);
    const isSame =
      before && after && guestPresence(before, domain).toString() === guestPresence(after, domain).toString();
    if (isSame) return;
    for (const jid of watchers) {
      if (isElsewhere)
        send(xml('presence', { from: `${contact}@${domain}/${before.host.name}`, to: jid, type: 'unavailable' }));
      if (after) tellOne(after, jid);
    }
  };

  /** Who came online while central was away asked in vain how its contacts are, and does not ask again. */
  const tellAll = async (): Promise<void> => {
    let told = 0;
    for (const contact of site.contacts()) {
      const guest = site.find(contact);
      for (const jid of guest ? subscriptions.of(contact) : []) {
        if (guest) tellOne(guest, jid);
        if (++told % TOLD_AT_ONCE === 0) await setImmediate();
        if (!entity.isOnline) return;
      }
    }
  };

  const offs = [
    entity.onPresence(onPresence),
    site.onChange(onChange),
    entity.onStatus(({ status }) => status !== 'offline' && kept(tellAll())),
  ];
  return {
    greet: onProbe,
    recheck: () => {
      for (const guest of site.guests())
        for (const jid of [...subscriptions.of(guest.contact)])
          if (!maySee(jid, guest.contact)) {
            const from = `${guest.contact}@${domain}/${guest.host.name}`;
            send(xml('presence', { from, to: jid, type: 'unavailable' }));
            onUnsubscribe(guest.contact, jid);
          }
    },
    stop: () => {
      for (const off of offs) off();
    },
  };
}

const ownPresence = ({ entity, site, identity }: ContactsDeps, to: string): Element => {
  const hosts = site.hosts();
  const heard = hosts.filter(({ reach }) => reach === 'heard').length;
  const status = `${heard} of ${hosts.length} hosts heard · ${site.contacts().length} guests`;
  return xml('presence', { from: entity.bareJid, to }, xml('status', {}, status), capsElement(identity));
};
