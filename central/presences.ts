import { systemClock } from '#shared/clock.ts';
import type { EjabberdApi } from '#shared/ejabberd/api.ts';
import type { May } from '#shared/verb/policy.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { vigil } from './agents/vigil.ts';
import { serveContacts } from './contacts/presence.ts';
import { type Rosters, serveRosters } from './contacts/rosters.ts';
import type { Kept } from './kept.ts';
import { replicatePolicy } from './roles/replicate.ts';
import { CENTRAL_IDENTITY } from './surfaces.ts';

export interface PresencesDeps {
  entity: Entity;
  kept: Pick<Kept, 'site' | 'policies' | 'watchers' | 'followed'>;
  may: May;
  /** Resolves when it is known who holds grants to rooms. */
  settled(): Promise<void>;
  /** Undefined: contact lists cannot be filled. */
  api: EjabberdApi | undefined;
  log: Record<'warn', (fields: object, message: string) => void>;
  onBug(error: unknown): void;
}

/** Who is there: agents that are heard, guests as people's contacts, and the roles that decide who sees them. */
export function servePresences(deps: PresencesDeps): { rosters: Rosters | undefined; stop(): void } {
  const { entity, kept, may, settled, api, log, onBug } = deps;
  const { site, policies, watchers: subscriptions, followed } = kept;
  const watch = vigil({ entity, site, clock: systemClock, onBug });
  const contacts = serveContacts({
    entity,
    site,
    subscriptions,
    may,
    identity: CENTRAL_IDENTITY,
    onOwnPresence: watch.onPresence,
    onBug,
  });
  const { all: people } = followed;
  const { greet } = contacts;
  const rosters = api && serveRosters({ entity, api, site, subscriptions, may, people, greet, log });
  const replication = replicatePolicy({ entity, site, policies, settled, clock: systemClock, onBug });
  policies.onChange(() => {
    void rosters?.sync();
    contacts.recheck();
  });
  return {
    rosters,
    stop: () => {
      watch.stop();
      replication.stop();
      contacts.stop();
      rosters?.stop();
    },
  };
}
