import { join } from 'node:path';
import { jobRunner } from '#shared/verb/job-runner.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import { auditTrail } from './audit/trail.ts';
import { type CentralConfig, siteDomain } from './config.ts';
import { followers } from './contacts/followers.ts';
import { subscriptions } from './contacts/subscriptions.ts';
import { backupsOf } from './database/backup.ts';
import { openDatabase } from './database/open.ts';
import { groupWriter } from './database/writer.ts';
import { Site } from './inventory/site.ts';
import { inventoryStore, loadInventory } from './inventory/store.ts';
import { centralJobTable } from './journal/job-table.ts';
import { centralJournal } from './journal/journal.ts';
import { recoverJobs } from './journal/recover.ts';
import { loadMoves, moveBook, moveStore } from './moving/book.ts';
import { policyStore } from './roles/policy-store.ts';
import { roomLists } from './roles/room-lists.ts';
import { loadSchedules } from './schedules/store.ts';

export type Kept = Awaited<ReturnType<typeof openKept>>;

/** Where the database is, if it is not said otherwise. */
export const sqliteFile = ({ state }: Pick<CentralConfig, 'state'>): string => join(state, 'central.sqlite');

/** All that outlives the process, read from the database. @throws Failure config-invalid */
export async function openKept(config: CentralConfig, now: () => number, onBug: (error: unknown) => void) {
  const file = sqliteFile(config);
  const database = await openDatabase(config.database ?? file, onBug);
  const writer = groupWriter(database);
  const trail = auditTrail(database, writer, onBug);
  const site = new Site({ loaded: await loadInventory(database), store: inventoryStore(writer), now, onBug });
  for (const name of config.hosts)
    if (!site.findHost(name)) await site.enrol(name, `${name}@${siteDomain(config.jid)}`);
  await recoverJobs(database, writer, trail);
  const journal = centralJournal(database, writer, trail, now, onBug);
  const jobs = jobRunner({ table: await centralJobTable(database, writer, trail), now, onBug });
  const rooms = await roomLists(database, writer, now);
  const policies = await policyStore({
    database,
    writer,
    configured: config.policy,
    table: centralVerbs,
    alsoKnown: agentVerbs,
    rooms,
    now,
  });
  return {
    database,
    backups: config.database === undefined ? backupsOf(file, join(config.state, 'backups'), now) : undefined,
    writer,
    trail,
    site,
    journal,
    jobs,
    policies,
    rooms,
    watchers: await subscriptions(database, writer),
    followed: await followers(database, writer, config.rosters),
    moves: moveBook(await loadMoves(database), moveStore(writer)),
    schedules: await loadSchedules(database),
    close: async () => {
      await journal.flush();
      await trail.flush();
      await writer.settled();
      await database.destroy();
    },
  };
}
