import xml, { type Element } from '@xmpp/xml';
import { consoleElement } from '#shared/xmpp/console.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { printable } from '#shared/xmpp/stanza-error.ts';
import type { ConsoleKeeper } from './keeper.ts';
import type { ConsoleSend } from './watch.ts';

const HINTS_NS = 'urn:xmpp:hints';

/** Consoles as stanzas: chat messages for people, headlines with the bytes for programs. None is kept by the server (XEP-0334). */
export function consoleDelivery(entity: Pick<Entity, 'send'>): ConsoleSend {
  const send = (to: string, type: string, child: Element): Promise<void> =>
    entity.send(xml('message', { to, type }, child, xml('no-store', { xmlns: HINTS_NS })), 'drop');
  return {
    text: (to, body) => send(to, 'chat', xml('body', {}, printable(body))),
    bytes: (to, piece) => send(to, 'headline', consoleElement(piece)),
  };
}

/** Whoever has gone, or cannot be reached, watches no more. */
export function dropGoneWatchers(entity: Pick<Entity, 'onMessage' | 'onPresence'>, consoles: ConsoleKeeper): void {
  const gone = ({ attrs: { from, type } }: Element, words: readonly string[]): void => {
    if (from && words.includes(type ?? '')) consoles.unwatch(from);
  };
  entity.onMessage((stanza) => gone(stanza, ['error']));
  entity.onPresence((stanza) => gone(stanza, ['unavailable', 'error']));
}
