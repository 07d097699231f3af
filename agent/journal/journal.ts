import type { DatabaseSync } from 'node:sqlite';
import { Failure } from '#shared/errors.ts';
import type { Journal, Recorded } from '#shared/verb/perform.ts';
import type { AuditRecord, Surface } from '#shared/verb/request.ts';
import { writing } from './database.ts';
import type { Facts } from './settle.ts';

/** An operation that was begun and not ended: the agent was cut off in the middle. */
export interface OpenOperation {
  requester: string;
  id: string;
  verb: string;
  args: Record<string, unknown>;
  surface: Surface;
  before: Facts;
  beganAt: string;
}

export interface AgentJournal extends Journal {
  audit(record: AuditRecord): void;
  /** Write what is still in memory of the audit trail. */
  flush(): void;
  open(): OpenOperation[];
  /** After a crash: record how it ended, or release the id, so that it may be carried out now. */
  settle(operation: OpenOperation, recorded: Recorded | 'released', at: string): void;
  auditTrail(limit: number): AuditRecord[];
  prune(before: string): void;
}

const AUDIT_BATCH = 200;
const AUDIT_DELAY_MS = 500;

interface Row {
  verb: string;
  args: string;
  recorded: string | null;
}

export interface JournalDeps {
  database: DatabaseSync;
  /** How the thing that a change is about is now: what recovery compares with. */
  factsOf(verb: string, args: object): Promise<Facts>;
  now(): number;
  onBug(error: unknown): void;
}

/**
 * The journal of operations and the audit trail (SQLite).
 *
 * A change is begun, in a transaction that is on the disk, before the hypervisor hears of it, and ended with its outcome in
 * the same transaction as its audit record. Records of reads wait in memory up to half a second.
 */
export function agentJournal({ database, factsOf, now, onBug }: JournalDeps): AgentJournal {
  const find = database.prepare('SELECT verb, args, recorded FROM operations WHERE requester = ? AND id = ?');
  const insert = database.prepare(
    'INSERT INTO operations (requester, id, verb, args, surface, before, began_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  const end = database.prepare('UPDATE operations SET recorded = ?, ended_at = ? WHERE requester = ? AND id = ?');
  const release = database.prepare('DELETE FROM operations WHERE requester = ? AND id = ? AND recorded IS NULL');
  const append = database.prepare('INSERT INTO audit (at, record) VALUES (?, ?)');
  let waiting: AuditRecord[] = [];
  let timer: NodeJS.Timeout | undefined;

  const inTransaction = (work: () => void): void =>
    writing(() => {
      database.exec('BEGIN IMMEDIATE');
      try {
        work();
        database.exec('COMMIT');
      } catch (error) {
        database.exec('ROLLBACK');
        throw error;
      }
    });
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    const batch = waiting;
    if (batch.length === 0) return;
    inTransaction(() => {
      for (const record of batch) append.run(record.at, JSON.stringify(record));
    });
    waiting = [];
  };
  const flushLater = (): void => {
    try {
      flush();
    } catch (error) {
      // The disk may have room again: the records stay until it has, up to a bound.
      if (waiting.length > 100 * AUDIT_BATCH) waiting = waiting.slice(-AUDIT_BATCH);
      onBug(error);
    }
  };

  return {
    find: (request, args) => {
      const row = find.get(request.requester.bareJid, request.operation) as Row | undefined;
      if (!row) return undefined;
      if (row.verb !== request.verb || row.args !== JSON.stringify(args))
        throw new Failure('operation-mismatch', { operation: request.operation });
      return row.recorded === null ? undefined : (JSON.parse(row.recorded) as Recorded);
    },
    begin: async (request, args) => {
      const before = await factsOf(request.verb, args);
      const { requester, operation, verb, surface } = request;
      writing(() =>
        insert.run(
          requester.bareJid,
          operation,
          verb,
          JSON.stringify(args),
          surface,
          JSON.stringify(before),
          new Date(now()).toISOString(),
        ),
      );
    },
    end: (request, recorded, audit) =>
      inTransaction(() => {
        end.run(JSON.stringify(recorded), new Date(now()).toISOString(), request.requester.bareJid, request.operation);
        append.run(audit.at, JSON.stringify(audit));
      }),
    audit: (record) => {
      waiting.push(record);
      if (waiting.length >= AUDIT_BATCH) flushLater();
      else timer ??= setTimeout(flushLater, AUDIT_DELAY_MS);
    },
    flush,
    open: () => openOf(database),
    settle: ({ requester, id }, recorded, at) => {
      if (recorded === 'released') release.run(requester, id);
      else end.run(JSON.stringify(recorded), at, requester, id);
    },
    auditTrail: (limit) => {
      flush();
      const rows = database.prepare('SELECT record FROM audit ORDER BY seq DESC LIMIT ?').all(limit) as {
        record: string;
      }[];
      return rows.map((row) => JSON.parse(row.record));
    },
    prune: (before) => {
      database.prepare('DELETE FROM operations WHERE recorded IS NOT NULL AND began_at < ?').run(before);
      database
        .prepare("DELETE FROM jobs WHERE state <> 'running' AND json_extract(job, '$.startedAt') < ?")
        .run(before);
    },
  };
}

function openOf(database: DatabaseSync): OpenOperation[] {
  const rows = database
    .prepare(
      'SELECT requester, id, verb, args, surface, before, began_at AS beganAt FROM operations WHERE recorded IS NULL',
    )
    .all() as unknown as (Omit<OpenOperation, 'args' | 'before'> & { args: string; before: string })[];
  return rows.map((row) => ({ ...row, args: JSON.parse(row.args), before: JSON.parse(row.before) }));
}
