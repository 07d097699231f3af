import type { JobRunner } from '#shared/verb/job-runner.ts';
import type { Offer } from '#shared/verb/offer.ts';
import type { May } from '#shared/verb/policy.ts';
import type { Requester } from '#shared/verb/request.ts';
import { serveAbout } from '#shared/xmpp/about.ts';
import { serveChat } from '#shared/xmpp/chat.ts';
import { serveCommands } from '#shared/xmpp/commands.ts';
import { type Identity, serveDisco } from '#shared/xmpp/disco.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { localpartOf } from '#shared/xmpp/jid.ts';
import type { Publish } from '#shared/xmpp/picture.ts';
import { GUEST_IDENTITY } from './contacts/presence.ts';
import { serveVcards } from './contacts/vcard.ts';
import type { Site } from './inventory/site.ts';

export const CENTRAL_IDENTITY: Identity = { category: 'automation', type: 'skerry-central', name: 'Skerry' };

export interface SurfaceDeps {
  entity: Entity;
  site: Site;
  /** What is offered at an address: central's own, or a guest's. */
  offer(to: string): Offer;
  may: May;
  jobs: JobRunner;
  /** Without it, pictures in chat are told as text. */
  publish?: Publish | undefined;
  version: string;
  now(): number;
  newId(): string;
  onBug(error: unknown, id?: string): void;
}

/** Verbs as commands and in chat, and what clients ask of any address. Returns what ends it. */
export function serveSurfaces(deps: SurfaceDeps): () => void {
  const { entity, site, offer, may, jobs, publish, version, now, newId, onBug } = deps;
  const isOwn = (to: string): boolean => localpartOf(to) === '';
  serveVcards(entity, site, may);
  serveCommands({ entity, offer, now, newId });
  serveDisco({
    entity,
    offer,
    identity: (to) => (isOwn(to) ? CENTRAL_IDENTITY : GUEST_IDENTITY),
    itemsAt: (to, requester) => (isOwn(to) ? guestItems(site, entity.bareJid, may, requester) : []),
  });
  serveAbout(entity, { name: 'Skerry central', version, now });
  return serveChat({ entity, offer, onJob: jobs.onJob, publish, now, newId, onBug });
}

const ITEMS_MAX = 500;

const guestItems = (site: Site, domain: string, may: May, requester: Requester) =>
  site
    .eachGuest()
    .filter(({ contact }) => may(requester, 'guest.info', { guest: contact }))
    .take(ITEMS_MAX)
    .map(({ contact, host }) => ({ jid: `${contact}@${domain}/${host.name}`, name: contact }))
    .toArray();
