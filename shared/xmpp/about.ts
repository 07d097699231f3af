import xml from '@xmpp/xml';
import type { Entity } from './entity.ts';

/** Small questions that every entity answers: ping (XEP-0199), software version (XEP-0092), time (XEP-0202). */
export function serveAbout(
  entity: Pick<Entity, 'serve'>,
  about: { name: string; version: string; now(): number },
): void {
  entity.serve('get', 'urn:xmpp:ping', 'ping', () => undefined);
  entity.serve('get', 'jabber:iq:version', 'query', () =>
    xml('query', { xmlns: 'jabber:iq:version' }, xml('name', {}, about.name), xml('version', {}, about.version)),
  );
  entity.serve('get', 'urn:xmpp:time', 'time', () => {
    const now = new Date(about.now());
    return xml('time', { xmlns: 'urn:xmpp:time' }, xml('tzo', {}, zoneOf(now)), xml('utc', {}, now.toISOString()));
  });
}

/** XEP-0082: `+02:00`. */
function zoneOf(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const two = (number: number): string => String(number).padStart(2, '0');
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
}
