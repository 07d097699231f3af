import type { AuditTrail } from '#central/audit/trail.ts';
import type { Database } from '#central/database/open.ts';
import type { Writer, Writes } from '#central/database/writer.ts';
import { Failure } from '#shared/errors.ts';
import { auditRecord, withoutSecretResults } from '#shared/verb/audit.ts';
import { digestOf } from '#shared/verb/digest.ts';
import type { Journal, Recorded } from '#shared/verb/perform-deps.ts';
import type { AuditRecord, Call, Request } from '#shared/verb/request.ts';
import { rowOf } from '#shared/verb/verb.ts';
import { centralVerbs } from '#shared/verbs/central.ts';

const RETRY_MS = 1_000;

/** Secrets of an answer are not kept. */
function keptOf(verb: string, recorded: Recorded): Recorded {
  const row = rowOf(centralVerbs, verb);
  if (!row || recorded.outcome !== 'done') return recorded;
  return { ...recorded, value: withoutSecretResults(row, recorded.value) };
}

/** How it ended is known at the host, if at all: it is asked again there, which acts once. */
const OPEN: ReadonlySet<string> = new Set(['host-unreachable', 'operation-uncertain', 'verb-timeout']);
const isOpen = (recorded: Recorded): boolean => recorded.outcome === 'failed' && OPEN.has(recorded.code);

export interface CentralJournal extends Journal {
  /** Forget operations that ended before then (RFC 3339), or were cut off before then and never asked again. */
  prune(before: string): Promise<void>;
  /** Write what found no room. @throws Failure host-space */
  flush(): Promise<void>;
  together: Together;
}

/**
 * Writes that end an operation which is under way with this value, for the transaction of its one change, or of the last of several: a
 * kill leaves both or neither, and the same operation asked again is answered and not carried out a second time.
 */
export type Together = (call: Pick<Call, 'requester' | 'operation'>, value: unknown) => Writes;

/**
 * What central was asked to change, and how it ended.
 *
 * What central changes by itself is written together with its outcome, where asking again would not come to the same. The rest that was
 * cut off, by a kill in the middle, is simply carried out again when it is asked again: it says how things shall be, or is passed on
 * with an operation id of its own at the agent, made from this one, so that it acts once. A job that had begun is found again (recover.ts).
 */
export function centralJournal(
  database: Database,
  writer: Writer,
  trail: AuditTrail,
  now: () => number,
  onBug: (error: unknown) => void,
): CentralJournal {
  const time = (): string => new Date(now()).toISOString();
  const unwritten = new Map<string, { digest: string; recorded: Recorded; write(): Promise<void> }>();
  let timer: NodeJS.Timeout | undefined;
  /** Operations under way; `ended`: their outcome went into a transaction. */
  const begun = new Map<string, { request: Request; args: Record<string, unknown>; beganAt: number; ended: boolean }>();
  const keyOf = ({ requester, operation }: Pick<Request, 'requester' | 'operation'>): string =>
    `${requester.bareJid} ${operation}`;

  const flush = async (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    for (const [key, { write }] of unwritten) {
      await write();
      unwritten.delete(key);
    }
  };
  const retry = (): void => {
    flush().catch((error) => {
      onBug(error);
      timer = setTimeout(retry, RETRY_MS).unref();
    });
  };
  const find = (request: Request) =>
    database
      .selectFrom('operations')
      .select(['digest', 'recorded'])
      .where('requester', '=', request.requester.bareJid)
      .where('id', '=', request.operation)
      .executeTakeFirst();

  return {
    flush,
    find: async (request, args) => {
      const kept = unwritten.get(keyOf(request));
      const row = kept ?? (await find(request));
      if (row && row.digest !== digestOf(request.verb, args))
        throw new Failure('operation-mismatch', { operation: request.operation });
      if (kept) return isOpen(kept.recorded) ? undefined : kept.recorded;
      const text = (row as { recorded: string | null } | undefined)?.recorded;
      const recorded: Recorded | undefined = text ? JSON.parse(text) : undefined;
      return recorded && isOpen(recorded) ? undefined : recorded;
    },
    begin: async (request, args, kept) => {
      const { requester, operation, verb, surface } = request;
      const row = { verb, digest: digestOf(verb, args), args: JSON.stringify(kept), surface, began_at: time() };
      await writer.write(async (transaction) => {
        await transaction
          .insertInto('operations')
          .values({ requester: requester.bareJid, id: operation, ...row })
          .onConflict((conflict) => conflict.columns(['requester', 'id']).doNothing())
          .execute();
      });
      begun.set(keyOf(request), { request, args: { ...args }, beganAt: now(), ended: false });
      return undefined;
    },
    together: (call, value) => async (transaction) => {
      const under = begun.get(keyOf(call));
      if (!under) throw new Error(`operation ${call.operation} is not under way`);
      const { request, args, beganAt } = under;
      const recorded: Recorded = { outcome: 'done', value };
      const row = rowOf(centralVerbs, request.verb);
      const audit = auditRecord(request, row, args, recorded, { beganAt, endedAt: now() });
      await ending(trail, request, recorded, audit, time())(transaction);
      under.ended = true;
    },
    end: async (request: Request, recorded: Recorded, audit: AuditRecord) => {
      const { verb } = request;
      const at = time();
      const under = begun.get(keyOf(request));
      begun.delete(keyOf(request));
      // It failed where the transaction did, or where it took so long that nobody waited for it.
      if (under?.ended && (recorded.outcome === 'done' || (await find(request))?.recorded)) return;
      const write = (): Promise<void> => writer.write(ending(trail, request, recorded, audit, at));
      try {
        await write();
      } catch (error) {
        onBug(error);
        const row = await find(request);
        unwritten.set(keyOf(request), { digest: row?.digest ?? digestOf(verb, request.args), recorded, write });
        timer ??= setTimeout(retry, RETRY_MS).unref();
      }
    },
    prune: (before) =>
      writer.write(async (transaction) => {
        await transaction
          .deleteFrom('operations')
          .where((each) =>
            each.or([
              each('ended_at', '<', before),
              each.and([each('ended_at', 'is', null), each('began_at', '<', before)]),
            ]),
          )
          .execute();
      }),
  };
}

const ending =
  (trail: AuditTrail, request: Request, recorded: Recorded, audit: AuditRecord, at: string): Writes =>
  async (transaction) => {
    const { requester, operation, verb } = request;
    await transaction
      .updateTable('operations')
      .set({ recorded: JSON.stringify(keptOf(verb, recorded)), ended_at: at })
      .where('requester', '=', requester.bareJid)
      .where('id', '=', operation)
      .execute();
    await trail.append(transaction, audit);
  };
