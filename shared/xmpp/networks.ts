import type { Element } from '@xmpp/xml';
import { Failure } from '#shared/errors.ts';
import { HostNetworks, NetworkStanding } from '#shared/model/network.ts';
import { asked } from './asked.ts';
import type { Entity } from './entity.ts';
import { bareOf } from './jid.ts';
import { jsonIn, parseJsonIn } from './json-container.ts';

/** What a host realises of networks, on its way from central to its agent: `<networks/>` holds JSON; the answer `<standing/>` does too. */
export const NETWORKS_NS = 'urn:skerry:networks:1';

export const networksElement = (given: HostNetworks): Element => jsonIn('networks', NETWORKS_NS, given);

/**
 * Have a host realise networks; resolves when it has, or has tried, with how far it is.
 *
 * The first answer may take as long as making them does; what is given again is acknowledged at once.
 * @throws Failure no-answer, not-connected, stanza-too-large; peer-refused
 */
export async function sendNetworks(
  entity: Pick<Entity, 'request'>,
  way: { from: string; to: string; timeoutMs: number; signal?: AbortSignal },
  given: HostNetworks,
): Promise<NetworkStanding> {
  const { to } = way;
  const answer = await asked(to, () => entity.request({ ...way, type: 'set', child: networksElement(given) }));
  const standing = answer.getChild('standing', NETWORKS_NS);
  if (!standing) throw new Failure('bad-payload', { problem: `${to} did not say how far it is` });
  return parseJsonIn(standing, NetworkStanding);
}

/** Take what is given. `take` gets the bare JID that the server stamped. */
export function serveNetworks(
  entity: Pick<Entity, 'serve'>,
  take: (from: string, read: () => HostNetworks) => Promise<NetworkStanding>,
): void {
  entity.serve('set', NETWORKS_NS, 'networks', async ({ from, child }) =>
    jsonIn('standing', NETWORKS_NS, await take(bareOf(from), () => parseJsonIn(child, HostNetworks))),
  );
}
