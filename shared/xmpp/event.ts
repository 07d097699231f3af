import type { Element } from '@xmpp/xml';
import { SiteEvent } from '#shared/model/event.ts';
import { bareOf } from './jid.ts';
import { jsonIn, parseJsonIn } from './json-container.ts';

/** The node of events on the site's PubSub service, and the payload's namespace. */
export const EVENT_NS = 'urn:skerry:event:1';
const PUBSUB_EVENT_NS = 'http://jabber.org/protocol/pubsub#event';

export const eventElement = (event: SiteEvent): Element => jsonIn('event', EVENT_NS, event);

/**
 * The events of a notification (XEP-0060 section 7.1.2.1), for who has subscribed to the node.
 *
 * @param service the PubSub service: what comes from elsewhere is none. Only central may publish there.
 * @throws Failure bad-payload
 */
export function eventsIn(message: Element, service: string): SiteEvent[] {
  if (bareOf(message.attrs.from ?? '') !== service || message.attrs.type === 'error') return [];
  const items = message.getChild('event', PUBSUB_EVENT_NS)?.getChild('items');
  if (items?.attrs.node !== EVENT_NS) return [];
  return items.getChildren('item').flatMap((item) => {
    const payload = item.getChild('event', EVENT_NS);
    return payload ? [parseJsonIn(payload, SiteEvent)] : [];
  });
}
