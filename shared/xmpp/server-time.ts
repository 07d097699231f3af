import xml from '@xmpp/xml';
import type { Entity } from './entity.ts';
import { domainpartOf } from './jid.ts';

const TIME_NS = 'urn:xmpp:time';
const ANSWER_MS_MAX = 5_000;
/** What the server's clock says, in ms since 1970, as of the middle of the question (XEP-0202). */
export async function serverTimeMs(entity: Pick<Entity, 'request' | 'bareJid'>): Promise<number> {
  const to = domainpartOf(entity.bareJid);
  const child = xml('time', { xmlns: TIME_NS });
  const answer = await entity.request({ to, type: 'get', child, timeoutMs: ANSWER_MS_MAX });
  const timeMs = Date.parse(answer.getChild('time', TIME_NS)?.getChildText('utc') ?? '');
  if (Number.isNaN(timeMs)) throw new Error(`${to} answered without a time`);
  return timeMs;
}
