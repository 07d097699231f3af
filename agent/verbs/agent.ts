import type { Handlers } from '#shared/verb/handlers.ts';
import { jobHandlers } from '#shared/verb/job-handlers.ts';
import type { JobRunner } from '#shared/verb/job-runner.ts';
import type { AgentVerbs } from '#shared/verbs/agent.ts';
import { type AuditDeps, auditHandlers } from './audit.ts';
import { type ConsoleDeps, consoleHandlers } from './console.ts';
import type { GuestDeps } from './ground.ts';
import { guestHandlers } from './guest.ts';
import { type HostDeps, hostHandlers } from './host.ts';
import { makingHandlers } from './making.ts';
import { type MigrationDeps, migrationHandlers } from './migration.ts';
import { type NetworkDeps, networkHandlers } from './network.ts';
import { nicHandlers } from './nic.ts';
import { snapshotHandlers } from './snapshot.ts';
import { type VolumeDeps, volumeHandlers } from './volume.ts';

/** A handler for every verb of an agent. */
export const agentHandlers = (
  deps: GuestDeps & HostDeps & ConsoleDeps & NetworkDeps & VolumeDeps & AuditDeps & MigrationDeps & { jobs: JobRunner },
): Handlers<AgentVerbs> => ({
  ...hostHandlers(deps),
  ...guestHandlers(deps),
  ...makingHandlers(deps),
  ...migrationHandlers(deps),
  ...snapshotHandlers(deps),
  ...nicHandlers(deps),
  ...consoleHandlers(deps),
  ...networkHandlers(deps),
  ...volumeHandlers(deps),
  ...jobHandlers(deps),
  ...auditHandlers(deps),
});
