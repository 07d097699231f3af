import type { VerbTable } from '#shared/verb/verb.ts';
import { auditVerbs } from './audit.ts';
import { consoleVerbs } from './console.ts';
import { guestVerbs } from './guest.ts';
import { hostVerbs } from './host.ts';
import { hostedNetworkVerbs } from './hosted-network.ts';
import { jobVerbs } from './job.ts';
import { makingVerbs } from './making.ts';
import { migrationVerbs } from './migration.ts';
import { nicVerbs } from './nic.ts';
import { snapshotVerbs } from './snapshot.ts';
import { volumeVerbs } from './volume.ts';

/** An agent's own trail: what is asked of it directly is in no other. */
const agentAuditVerbs = { 'audit.list': auditVerbs['audit.list'] };
export type AgentAuditVerbs = typeof agentAuditVerbs;

/** What an agent answers on its own JID: the direct way. */
export const agentVerbs = {
  ...hostVerbs,
  ...guestVerbs,
  ...makingVerbs,
  ...migrationVerbs,
  ...snapshotVerbs,
  ...nicVerbs,
  ...consoleVerbs,
  ...hostedNetworkVerbs,
  ...volumeVerbs,
  ...jobVerbs,
  ...agentAuditVerbs,
} satisfies VerbTable;
export type AgentVerbs = typeof agentVerbs;
