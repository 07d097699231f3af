import type { AuditTrail } from '#central/audit/trail.ts';
import type { Database } from '#central/database/open.ts';
import type { Writer } from '#central/database/writer.ts';
import { Failure } from '#shared/errors.ts';
import { withoutSecretResults } from '#shared/verb/audit.ts';
import { digestOf } from '#shared/verb/digest.ts';
import type { Journal, Recorded } from '#shared/verb/perform-deps.ts';
import type { AuditRecord, Request } from '#shared/verb/request.ts';
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
}

/**
 * What central was asked to change, and how it ended.
 *
 * What was cut off, by a kill in the middle, is simply carried out again when it is asked again: what central does itself says how
 * things shall be, and what it passes on has an operation id of its own at the agent, made from this one, so that it acts once. A job
 * that had begun is found again (recover.ts).
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
  const keyOf = ({ requester, operation }: Request): string => `${requester.bareJid} ${operation}`;

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
      return undefined;
    },
    end: async (request: Request, recorded: Recorded, audit: AuditRecord) => {
      const { requester, operation, verb } = request;
      const at = time();
      const write = (): Promise<void> =>
        writer.write(async (transaction) => {
          await transaction
            .updateTable('operations')
            .set({ recorded: JSON.stringify(keptOf(verb, recorded)), ended_at: at })
            .where('requester', '=', requester.bareJid)
            .where('id', '=', operation)
            .execute();
          await trail.append(transaction, audit);
        });
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
