import type { Element } from '@xmpp/xml';
import { ColdStart } from '#shared/model/cold-start.ts';
import { asked } from './asked.ts';
import type { Entity } from './entity.ts';
import { bareOf } from './jid.ts';
import { jsonIn, parseJsonIn } from './json-container.ts';

/** What a host does at its boot, on its way from central to its agent: `<cold-start/>` holds JSON. */
export const COLD_START_NS = 'urn:skerry:cold-start:1';

export const coldStartElement = (given: ColdStart): Element => jsonIn('cold-start', COLD_START_NS, given);

/** @throws Failure no-answer, not-connected, stanza-too-large; peer-refused */
export async function sendColdStart(
  entity: Pick<Entity, 'request'>,
  { from, to }: { from: string; to: string },
  given: ColdStart,
): Promise<void> {
  await asked(to, () => entity.request({ from, to, type: 'set', child: coldStartElement(given) }));
}

/** Take it. `take` gets the bare JID that the server stamped. */
export function serveColdStart(
  entity: Pick<Entity, 'serve'>,
  take: (from: string, read: () => ColdStart) => void,
): void {
  entity.serve('set', COLD_START_NS, 'cold-start', ({ from, child }) => {
    take(bareOf(from), () => parseJsonIn(child, ColdStart));
    return undefined;
  });
}
