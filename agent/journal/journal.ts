import type { DatabaseSync } from 'node:sqlite';
import { Failure } from '#shared/errors.ts';
import { auditRecord } from '#shared/verb/audit.ts';
import { digestOf } from '#shared/verb/digest.ts';
import type { Journal, Recorded } from '#shared/verb/perform-deps.ts';
import type { AuditRecord, Request } from '#shared/verb/request.ts';
import { rowOf, type VerbTable } from '#shared/verb/verb.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { type AuditTrail, auditTrail } from './audit-trail.ts';
import { inTransaction, writing } from './database.ts';
import { type OpenOperation, operationTable } from './operations.ts';
import { type Facts, settled, type Verdict } from './settle.ts';

export type { OpenOperation } from './operations.ts';

export interface AgentJournal extends Journal {
  audit(record: AuditRecord): void;
  /** Write what is still in memory: of the audit trail, and outcomes that found no room. @throws Failure host-space */
  flush(): void;
  open(): OpenOperation[];
  /**
   * After a crash: judge, by how things are now, what became of it. Its outcome is recorded; or the id is released (`not-done`),
   * so that it may be carried out now.
   */
  settle(operation: OpenOperation, now: Facts): { verdict: Verdict; recorded?: Recorded };
  /** The newest first. */
  auditTrail(limit: number): AuditRecord[];
  auditBackward: AuditTrail['backward'];
  /** Forget what ended before then (RFC 3339), and the oldest of more than `kept`. What is under way stays, and so does the audit trail. */
  prune(before: string, kept?: number): void;
}

export interface JournalDeps {
  database: DatabaseSync;
  /** How the thing that a change is about is now: what recovery compares with. */
  factsOf(verb: string, args: object): Promise<Facts>;
  now(): number;
  onBug(error: unknown): void;
  /** Tells which arguments are secret; the agent's own unless given. */
  table?: VerbTable;
}

interface Unwritten {
  digest: string;
  recorded: Recorded;
  write(): void;
}

const RETRY_MS = 1_000;
const KEPT = 200_000;

/**
 * The journal of operations and the audit trail (SQLite).
 *
 * A change is begun, in a transaction that is on the disk, before the hypervisor hears of it, and ended with its outcome in
 * the same transaction as its audit record. An outcome that finds no room on the disk is kept in memory, answered from there, and
 * written when there is; should the agent end before, it is found out from the hypervisor as after a crash.
 */
export function agentJournal({ database, factsOf, now, onBug, table = agentVerbs }: JournalDeps): AgentJournal {
  const operations = operationTable(database);
  const trail = auditTrail(database, onBug);
  const unwritten = new Map<string, Unwritten>();
  let timer: NodeJS.Timeout | undefined;
  const time = (): string => new Date(now()).toISOString();
  const keyOf = (request: Request): string => `${request.requester.bareJid} ${request.operation}`;

  const writeRest = (): void => {
    clearTimeout(timer);
    timer = undefined;
    for (const [key, { write }] of unwritten) {
      write();
      unwritten.delete(key);
    }
  };
  const retry = (): void => {
    try {
      writeRest();
    } catch (error) {
      onBug(error);
      timer = setTimeout(retry, RETRY_MS).unref();
    }
  };

  const settle = (operation: OpenOperation, facts: Facts): { verdict: Verdict; recorded?: Recorded } => {
    const { requester: bareJid, id, verb, surface, before, args, job, beganAt } = operation;
    const verdict = job === undefined ? settled(verb, before, facts, args) : 'done';
    if (verdict === 'not-done') {
      writing(() => operations.release(bareJid, id));
      return { verdict };
    }
    const recorded = recordedOf(verdict, operation, facts);
    const request = { verb, requester: { bareJid, fullJid: bareJid }, surface, operation: id };
    const times = { beganAt: Date.parse(beganAt), endedAt: now() };
    inTransaction(database, () => {
      operations.end(bareJid, id, recorded, time());
      trail.append(auditRecord(request, rowOf(table, verb), args, recorded, times));
    });
    return { verdict, recorded };
  };

  return {
    find: (request, args) => {
      const found = unwritten.get(keyOf(request)) ?? operations.find(request);
      if (found && !isSuperseded(found.recorded) && found.digest !== digestOf(request.verb, args))
        throw new Failure('operation-mismatch', { operation: request.operation });
      return found?.recorded;
    },
    begin: async (request, args, kept) => {
      const before = await factsOf(request.verb, args);
      const { requester, operation } = request;
      const found = operations.find(request);
      // It was superseded while it waited for its turn.
      if (found?.recorded) return found.recorded;
      const left = found && operations.open().find(isOf(requester.bareJid, operation));
      const { recorded } = left ? settle(left, before) : {};
      if (!recorded) writing(() => operations.insert(request, args, kept, before, time()));
      return recorded;
    },
    supersede: ({ requester: { bareJid } }, ids) =>
      inTransaction(database, () => {
        for (const id of ids) operations.supersede(bareJid, id, supersededBy(id), time());
      }),
    end: (request, recorded, audit) => {
      if (recorded.outcome === 'failed' && recorded.code === 'verb-timeout') return trail.add(audit);
      const at = time();
      const write = (): void =>
        inTransaction(database, () => {
          operations.end(request.requester.bareJid, request.operation, recorded, at);
          trail.append(audit);
        });
      try {
        write();
      } catch (error) {
        onBug(error);
        unwritten.set(keyOf(request), { digest: digestOfStored(request), recorded, write });
        timer ??= setTimeout(retry, RETRY_MS).unref();
      }
    },
    audit: trail.add,
    flush: () => {
      writeRest();
      trail.flush();
    },
    open: operations.open,
    settle,
    auditTrail: trail.read,
    auditBackward: trail.backward,
    prune: (before, kept = KEPT) => inTransaction(database, () => operations.prune(before, kept)),
  };

  function digestOfStored(request: Request): string {
    return operations.find(request)?.digest ?? '';
  }
}

const supersededBy = (operation: string): Recorded => ({
  outcome: 'failed',
  code: 'operation-superseded',
  details: { operation },
});
const isSuperseded = (recorded: Recorded | undefined): boolean =>
  recorded?.outcome === 'failed' && recorded.code === 'operation-superseded';

const isOf =
  (requester: string, id: string) =>
  (operation: OpenOperation): boolean =>
    operation.requester === requester && operation.id === id;

function recordedOf(verdict: 'done' | 'unknown', { id, job, before }: OpenOperation, now: Facts): Recorded {
  if (job !== undefined) return { outcome: 'job', job };
  if (verdict === 'done') return { outcome: 'done', value: now.guest ?? before.guest };
  return { outcome: 'failed', code: 'operation-uncertain', details: { operation: id } };
}
