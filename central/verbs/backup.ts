import type { Backups } from '#central/database/backup.ts';
import { Failure } from '#shared/errors.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import type { backupVerbs } from '#shared/verbs/backup.ts';

/** @param backups undefined, where the database has tools of its own for that */
export function backupHandlers(backups: Backups | undefined): Handlers<typeof backupVerbs> {
  const due = (verb: string): Backups => {
    if (backups) return backups;
    throw new Failure('verb-unsupported', { driver: 'PostgreSQL', host: 'central', verb: `${verb}; use pg_dump` });
  };
  return {
    'backup.take': ({ keep }) => due('backup.take').take(keep),
    'backup.list': () => due('backup.list').list(),
  };
}
