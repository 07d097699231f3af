import type { DatabaseSync } from 'node:sqlite';
import { digestOf } from '#shared/verb/digest.ts';
import type { Recorded } from '#shared/verb/perform-deps.ts';
import type { Request, Surface } from '#shared/verb/request.ts';
import type { Facts } from './settle.ts';

/** An operation that was begun and not ended: the agent was cut off in the middle. */
export interface OpenOperation {
  requester: string;
  id: string;
  verb: string;
  /** Without secrets. */
  args: Record<string, unknown>;
  surface: Surface;
  before: Facts;
  beganAt: string;
  /** The job that it had begun, where it came that far. */
  job?: string;
}

export interface Operation {
  digest: string;
  recorded: Recorded | undefined;
}

/** The table of operations; whoever calls sees to the transaction. */
export function operationTable(database: DatabaseSync) {
  const find = database.prepare('SELECT verb, args, digest, recorded FROM operations WHERE requester = ? AND id = ?');
  const insert = database.prepare(
    `INSERT INTO operations (requester, id, verb, args, digest, surface, before, began_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const end = database.prepare('UPDATE operations SET recorded = ?, ended_at = ? WHERE requester = ? AND id = ?');
  const supersede = database.prepare(
    `INSERT OR IGNORE INTO operations (requester, id, verb, args, digest, surface, before, recorded, began_at, ended_at)
     VALUES (?, ?, '', '{}', '', 'central', '{}', ?, ?, ?)`,
  );
  const release = database.prepare('DELETE FROM operations WHERE requester = ? AND id = ? AND recorded IS NULL');
  return {
    find: ({ requester, operation }: Request): Operation | undefined => {
      const row = find.get(requester.bareJid, operation) as Record<string, string | null> | undefined;
      if (!row) return undefined;
      // Those of the first version have no digest yet, and whole arguments.
      const digest = row.digest ?? digestOf(row.verb ?? '', JSON.parse(row.args ?? '{}'));
      return { digest, recorded: row.recorded ? JSON.parse(row.recorded) : undefined };
    },
    insert: ({ requester, operation, verb, surface }: Request, args: object, kept: object, before: Facts, at: string) =>
      insert.run(
        requester.bareJid,
        operation,
        verb,
        JSON.stringify(kept),
        digestOf(verb, args),
        surface,
        JSON.stringify(before),
        at,
      ),
    end: (requester: string, id: string, recorded: Recorded, at: string) =>
      end.run(JSON.stringify(recorded), at, requester, id),
    /** One that is there already was begun, and stays. */
    supersede: (requester: string, id: string, recorded: Recorded, at: string) =>
      supersede.run(requester, id, JSON.stringify(recorded), at, at),
    release: (requester: string, id: string) => release.run(requester, id),
    open: (): OpenOperation[] => openOperations(database),
    prune: (before: string, kept: number) => pruneOperations(database, before, kept),
  };
}

function openOperations(database: DatabaseSync): OpenOperation[] {
  const rows = database
    .prepare(
      `SELECT o.requester, o.id, o.verb, o.args, o.surface, o.before, o.began_at AS beganAt, max(j.n) AS n
       FROM operations o LEFT JOIN jobs j ON j.asker = o.requester AND j.operation = o.id
       WHERE o.recorded IS NULL GROUP BY o.requester, o.id ORDER BY o.began_at`,
    )
    .all() as unknown as (Omit<OpenOperation, 'args' | 'before' | 'job'> & {
    args: string;
    before: string;
    n: number | null;
  })[];
  return rows.map(({ n, ...row }) => ({
    ...row,
    args: JSON.parse(row.args),
    before: JSON.parse(row.before),
    ...(n === null ? {} : { job: n.toString(36) }),
  }));
}

/** Forget operations that ended, the old ones and the oldest of too many; and then the jobs that no operation is left of. */
function pruneOperations(database: DatabaseSync, before: string, kept: number): void {
  database.prepare('DELETE FROM operations WHERE recorded IS NOT NULL AND began_at < ?').run(before);
  database
    .prepare(
      `DELETE FROM operations WHERE recorded IS NOT NULL AND rowid IN
         (SELECT rowid FROM operations ORDER BY began_at DESC LIMIT -1 OFFSET ?)`,
    )
    .run(kept);
  database.exec(
    `DELETE FROM jobs WHERE state <> 'running' AND NOT EXISTS
       (SELECT 1 FROM operations o WHERE o.requester = jobs.asker AND o.id = jobs.operation)`,
  );
}
