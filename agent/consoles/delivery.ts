import xml, { type Element } from '@xmpp/xml';
import type { Authority } from '#agent/roles/authority.ts';
import { consoleCutElement, consoleElement } from '#shared/xmpp/console.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { bareOf } from '#shared/xmpp/jid.ts';
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
    cut: (to, style, guest) => {
      const body = `You may watch the console of ${guest} no more.`;
      return style === 'text'
        ? send(to, 'chat', xml('body', {}, printable(body)))
        : send(to, 'headline', consoleCutElement(guest));
    },
  };
}

/** Whoever has gone, cannot be reached, or may not any more, watches no more. */
export function dropWatchers(
  entity: Pick<Entity, 'onMessage' | 'onPresence'>,
  consoles: Pick<ConsoleKeeper, 'unwatch' | 'recheck'>,
  { may, onChange }: Pick<Authority, 'may' | 'onChange'>,
): void {
  onChange(() =>
    consoles.recheck((to, guest) => may({ bareJid: bareOf(to), fullJid: to }, 'console.watch', { guest })),
  );
  const gone = ({ attrs: { from, type } }: Element, words: readonly string[]): void => {
    if (from && words.includes(type ?? '')) consoles.unwatch(from);
  };
  entity.onMessage((stanza) => gone(stanza, ['error']));
  entity.onPresence((stanza) => gone(stanza, ['unavailable', 'error']));
}
