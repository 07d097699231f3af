import xml, { type Element } from '@xmpp/xml';
import { Failure } from '#shared/errors.ts';
import { asked } from './asked.ts';
import type { Entity } from './entity.ts';

/** HTTP File Upload: XEP-0363. */
const UPLOAD_NS = 'urn:xmpp:http:upload:0';
const SLOT_MS = 10_000;
/** All that a service may have us send (section 5). */
const HEADERS: ReadonlySet<string> = new Set(['authorization', 'cookie', 'expires']);

export interface Slot {
  put: string;
  headers: Readonly<Record<string, string>>;
  get: string;
}

/**
 * A place for one file.
 *
 * @param service the upload service, as `upload.example.org`
 * @param file.size in bytes
 * @throws Failure no-answer, not-connected, host-output; peer-refused
 */
export async function requestSlot(
  entity: Pick<Entity, 'request' | 'bareJid'>,
  service: string,
  { name, size, type }: { name: string; size: number; type: string },
): Promise<Slot> {
  const child = xml('request', { xmlns: UPLOAD_NS, filename: name, size, 'content-type': type });
  const from = entity.bareJid;
  const answer = await asked(service, () =>
    entity.request({ from, to: service, type: 'get', child, timeoutMs: SLOT_MS }),
  );
  return slotIn(answer);
}

function slotIn(answer: Element): Slot {
  const slot = answer.getChild('slot', UPLOAD_NS);
  const put = slot?.getChild('put');
  const [putUrl, getUrl] = [put?.attrs.url, slot?.getChild('get')?.attrs.url];
  if (!put || !isWeb(putUrl) || !isWeb(getUrl))
    throw new Failure('host-output', { problem: 'the upload service gave no slot' });
  const headers = put
    .getChildren('header')
    .map((header) => [(header.attrs.name ?? '').toLowerCase(), header.getText().replace(/[\r\n]/g, '')] as const)
    .filter(([name]) => HEADERS.has(name));
  return { put: putUrl, headers: Object.fromEntries(headers), get: getUrl };
}

const isWeb = (url: string | undefined): url is string =>
  url !== undefined && URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
