import type { VerbTable } from '#shared/verb/verb.ts';
import { auditVerbs } from './audit.ts';
import { backupVerbs } from './backup.ts';
import { chainVerbs } from './chain.ts';
import { contactVerbs } from './contact.ts';
import { enrolmentVerbs } from './enrolment.ts';
import {
  cloningVerbs,
  fleetVerbs,
  passedGuestVerbs,
  placedVerbs,
  settingVerbs,
  siteGuestVerbs,
  siteHostVerbs,
} from './fleet.ts';
import { jobVerbs } from './job.ts';
import { movingVerbs } from './migration.ts';
import { networkVerbs } from './network.ts';
import { roleVerbs } from './role.ts';
import { routerVerbs } from './router.ts';
import { scheduleVerbs } from './schedule.ts';
import { tagVerbs } from './tag.ts';
import { siteVolumeVerbs } from './volume.ts';

/** What central answers on its own JID: the whole site. */
export const centralVerbs = {
  ...siteHostVerbs,
  ...siteGuestVerbs,
  ...tagVerbs,
  ...passedGuestVerbs,
  ...settingVerbs,
  ...placedVerbs,
  ...cloningVerbs,
  ...movingVerbs,
  ...fleetVerbs,
  ...enrolmentVerbs,
  ...contactVerbs,
  ...jobVerbs,
  ...roleVerbs,
  ...scheduleVerbs,
  ...auditVerbs,
  ...backupVerbs,
  ...chainVerbs,
  ...networkVerbs,
  ...routerVerbs,
  ...siteVolumeVerbs,
} satisfies VerbTable;
export type CentralVerbs = typeof centralVerbs;
