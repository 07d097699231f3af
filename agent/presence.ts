import xml, { type Element } from '@xmpp/xml';
import type { Inventory } from '#agent/inventory/inventory.ts';
import { isActive } from '#shared/model/guest.ts';
import type { May } from '#shared/verb/policy.ts';
import { capsElement, type Identity } from '#shared/xmpp/disco.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { bareOf } from '#shared/xmpp/jid.ts';

/** A burst of changes is told at its begin and at its end. */
const QUIET_MS = 200;

export interface PresenceDeps {
  entity: Entity;
  inventory: Inventory;
  identity: Identity;
  may: May;
  onBug(error: unknown): void;
}

/** The agent's presence says how its host is; whoever may see the host may subscribe to it (RFC 6121 section 3.1). */
export function servePresence({ entity, inventory, identity, may, onBug }: PresenceDeps): { stop(): void } {
  let told = '';
  let timer: NodeJS.Timeout | undefined;
  const send = (stanza: Element): void => void entity.send(stanza, 'drop').catch(onBug);
  /** Whether there was anything to tell. */
  const tell = (): boolean => {
    const presence = presenceOf(inventory, identity);
    const text = presence.toString();
    if (text === told || !entity.isOnline) return false;
    told = text;
    send(presence);
    return true;
  };
  const soon = (): void => {
    // A change that nobody is told of (of an address, of a title) does not delay the next one.
    if (timer !== undefined || !tell()) return;
    timer = setTimeout(() => {
      timer = undefined;
      tell();
    }, QUIET_MS);
  };
  const offs = [
    inventory.onChange(soon),
    inventory.onState(soon),
    entity.onStatus(({ status }) => {
      if (status === 'online') told = '';
      if (status !== 'offline') tell();
    }),
    entity.onPresence((stanza) => {
      const { type, from = '' } = stanza.attrs;
      if (type !== 'subscribe') return;
      const bareJid = bareOf(from);
      send(
        xml('presence', {
          to: bareJid,
          type: may({ bareJid, fullJid: from }, 'host.info') ? 'subscribed' : 'unsubscribed',
        }),
      );
    }),
  ];
  return {
    stop: () => {
      clearTimeout(timer);
      for (const off of offs) off();
    },
  };
}

function presenceOf(inventory: Inventory, identity: Identity): Element {
  const isUp = inventory.state === 'up';
  return xml(
    'presence',
    {},
    isUp ? undefined : xml('show', {}, 'away'),
    xml('status', {}, statusText(inventory)),
    capsElement(identity),
  );
}

function statusText(inventory: Inventory): string {
  if (inventory.state !== 'up') return `hypervisor does not answer: ${inventory.problem ?? 'not asked yet'}`;
  const guests = inventory.guests();
  const running = guests.filter((guest) => isActive(guest.state)).length;
  return [`${running} of ${guests.length} guests running`, inventory.host?.hypervisor ?? []].flat().join(' · ');
}
