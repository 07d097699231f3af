import { systemClock } from '#shared/clock.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import { jobHandlers } from '#shared/verb/job-handlers.ts';
import type { JobRunner } from '#shared/verb/job-runner.ts';
import type { May } from '#shared/verb/policy.ts';
import type { Perform } from '#shared/verb/request.ts';
import { type CentralVerbs, centralVerbs } from '#shared/verbs/central.ts';
import { passedGuestVerbs } from '#shared/verbs/fleet.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { agentCaller } from './agents/caller.ts';
import type { JobFeed } from './agents/job-feed.ts';
import type { AuditTrail } from './audit/trail.ts';
import type { Chains } from './chains/chains.ts';
import type { Backups } from './database/backup.ts';
import type { Enrolment } from './enrolment/enrolment.ts';
import type { Site } from './inventory/site.ts';
import type { Together } from './journal/journal.ts';
import type { Networks } from './networks/networks.ts';
import type { PolicyStore } from './roles/policy-store.ts';
import type { Doers } from './room/doers.ts';
import type { ScheduleRunner } from './schedules/runner.ts';
import { addressHandlers } from './verbs/address.ts';
import { auditHandlers } from './verbs/audit.ts';
import { backupHandlers } from './verbs/backup.ts';
import { chainHandlers } from './verbs/chain.ts';
import { type ContactDeps, contactHandlers } from './verbs/contact.ts';
import { enrolmentHandlers } from './verbs/enrolment.ts';
import { fleetHandlers } from './verbs/fleet.ts';
import { makingHandlers } from './verbs/making.ts';
import { migrationHandlers } from './verbs/migration.ts';
import type { MigrationDeps } from './verbs/migration-sending.ts';
import { networkHandlers } from './verbs/network.ts';
import { passedHandlers } from './verbs/passed.ts';
import { type RoleDeps, roleHandlers } from './verbs/role.ts';
import { routerHandlers } from './verbs/router.ts';
import { scheduleHandlers } from './verbs/schedule.ts';
import { siteGuestHandlers, siteHostHandlers } from './verbs/site.ts';
import { tagHandlers } from './verbs/tag.ts';
import { volumeHandlers } from './verbs/volume.ts';

export interface HandlerDeps {
  site: Site;
  policies: PolicyStore;
  /** Writes an outcome with the change that it is of. */
  together: Together;
  rooms: RoleDeps['rooms'];
  jobs: JobRunner;
  may: May;
  entity: Entity;
  feed: JobFeed;
  /** Told who has what done. */
  doers: Doers;
  hosts: Enrolment;
  contactDeps: ContactDeps;
  schedules: ScheduleRunner;
  trail: AuditTrail;
  /** Undefined on PostgreSQL. */
  backups: Backups | undefined;
  chains: Chains;
  networks: Networks;
  perform: Perform;
  /** Guests that are on their way. */
  moving: Pick<MigrationDeps, 'book' | 'stopping'>;
  /** Of which keys of moves are made. */
  secret: string;
}

/** A handler for every verb of central. */
export function centralHandlers({
  site,
  jobs,
  may,
  entity,
  feed,
  doers,
  hosts,
  contactDeps,
  policies,
  together,
  rooms,
  schedules,
  trail,
  backups,
  chains,
  networks,
  perform,
  moving,
  secret,
}: HandlerDeps): Handlers<CentralVerbs> {
  const ask = agentCaller({ entity, clock: systemClock, site });
  const deps = { site, ask, may };
  // The agent's answer is held to its row, which perform checks: no type is lost that was there.
  const passed = passedHandlers(
    { site, ask, feed, doers, clock: systemClock },
    passedGuestVerbs,
  ) as unknown as Handlers<typeof passedGuestVerbs>;
  return {
    ...passed,
    ...makingHandlers({ ...deps, networks, feed, clock: systemClock }),
    ...migrationHandlers({ ...deps, ...moving, networks, secret, feed, clock: systemClock }),
    ...addressHandlers({ ...deps, networks }, passed['guest.delete']),
    ...siteHostHandlers({
      ...deps,
      lookFrom: networks.lookFrom.bind(networks),
      isStopped: networks.isStopped.bind(networks),
    }),
    ...siteGuestHandlers(deps),
    ...tagHandlers(site, together),
    ...enrolmentHandlers(hosts, together),
    ...contactHandlers(contactDeps),
    ...fleetHandlers({ site, may, table: centralVerbs, perform }),
    ...jobHandlers({ jobs, may }),
    ...roleHandlers({ policies, site, table: centralVerbs, rooms, together }),
    ...scheduleHandlers({ runner: schedules, site, may, table: centralVerbs, together, now: Date.now }),
    ...auditHandlers({ trail, table: centralVerbs }),
    ...backupHandlers(backups),
    ...chainHandlers({ chains, together, now: Date.now }),
    ...networkHandlers({ ...deps, networks, now: Date.now }),
    ...routerHandlers({ ...deps, networks, now: Date.now }),
    ...volumeHandlers(deps),
  };
}
