import xml from '@xmpp/xml';
import { INFO_NS, ITEMS_NS } from './disco.ts';
import type { Entity } from './entity.ts';
import { bareOf, domainpartOf } from './jid.ts';

const ANSWER_MS_MAX = 10_000;

/** What a server can, as an account of it sees it (XEP-0030). */
export interface ServerFeatures {
  /** Of the server, and of one's own account (PEP, MAM). */
  features: ReadonlySet<string>;
  /** Category and type of each service that it names: `conference/text`, `pubsub/service`, `store/file`. */
  services: ReadonlySet<string>;
}

export async function serverFeatures(entity: Entity): Promise<ServerFeatures> {
  const domain = domainpartOf(entity.bareJid);
  const own = await infoOf(entity, bareOf(entity.bareJid));
  const server = await infoOf(entity, domain);
  const items = await entity.request(asking(ITEMS_NS, domain));
  const named = (items.getChild('query', ITEMS_NS)?.getChildren('item') ?? []).map((item) => String(item.attrs.jid));
  const services = await Promise.all(
    // One that does not answer, as a component that is not there, is none.
    named.map((jid) => infoOf(entity, jid).catch(() => ({ features: [], identities: [] }))),
  );
  return {
    features: new Set([...own.features, ...own.identities, ...server.features]),
    services: new Set(services.flatMap(({ identities }) => identities)),
  };
}

async function infoOf(entity: Entity, to: string): Promise<{ features: string[]; identities: string[] }> {
  const query = (await entity.request(asking(INFO_NS, to))).getChild('query', INFO_NS);
  return {
    features: query?.getChildren('feature').map((each) => String(each.attrs.var)) ?? [],
    identities: query?.getChildren('identity').map(({ attrs }) => `${attrs.category}/${attrs.type}`) ?? [],
  };
}

const asking = (xmlns: string, to: string) =>
  ({ to, type: 'get', child: xml('query', { xmlns }), timeoutMs: ANSWER_MS_MAX }) as const;
