import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import xml, { type Element } from '@xmpp/xml';
import type { Site } from '#central/inventory/site.ts';
import { Failure } from '#shared/errors.ts';
import type { May } from '#shared/verb/policy.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { bareOf, localpartOf } from '#shared/xmpp/jid.ts';
import { statusText } from './status.ts';

/** vcard-temp (XEP-0054), and its hash in presence (XEP-0153), so that clients show what a contact is. */
const VCARD_NS = 'vcard-temp';
const PICTURE = readFileSync(new URL('guest.png', import.meta.url));

/** All guests have one picture: a client fetches it once. */
export const pictureElement = (): Element =>
  xml('x', { xmlns: 'vcard-temp:x:update' }, xml('photo', {}, createHash('sha1').update(PICTURE).digest('hex')));

export function serveVcards(entity: Pick<Entity, 'serve' | 'bareJid'>, site: Site, may: May): void {
  entity.serve('get', VCARD_NS, 'vCard', ({ from, to }) => {
    const contact = localpartOf(to);
    if (contact === '') return vcard('Skerry', entity.bareJid, 'The central agent: write help to it.');
    const requester = { bareJid: bareOf(from), fullJid: from };
    const guest = site.guest(contact);
    if (!may(requester, 'guest.info', { guest: contact }))
      throw new Failure('not-permitted', { requester: requester.bareJid, verb: `guest.info ${contact}` });
    const { driver } = guest.guest;
    const place = driver === undefined ? guest.host.name : `${guest.host.name}, by ${driver}`;
    const notes = guest.notes ? `\n${guest.notes}` : '';
    return vcard(contact, guest.host.name, `A guest of ${place}: ${statusText(guest)}${notes}`);
  });
}

const vcard = (name: string, organisation: string, text: string): Element =>
  xml(
    'vCard',
    { xmlns: VCARD_NS },
    xml('FN', {}, name),
    xml('ORG', {}, xml('ORGNAME', {}, organisation)),
    xml('DESC', {}, text),
    xml('PHOTO', {}, xml('TYPE', {}, 'image/png'), xml('BINVAL', {}, PICTURE.toString('base64'))),
  );
