import { hash } from 'node:crypto';
import type { Transaction } from 'kysely';
import type { Tables } from '#central/database/schema.ts';
import type { AuditRecord } from '#shared/verb/request.ts';

/** One entry as it stands in the table. */
export type ChainRow = Tables['audit'];

/** The hash that stands before the first entry. */
export const ROOT = '0'.repeat(64);
/** So many rows go into one statement: what each statement costs by itself is shared by them. */
const ROWS_MAX = 100;

/** Over the hash before and the record as it is kept, so that no entry can be changed, left out or put in unseen. */
export const entryHash = (before: string, seq: number, at: string, record: string): string =>
  hash('sha256', JSON.stringify([before, seq, at, record]));

/**
 * Put records at the end of the chain, in their order.
 *
 * The end is read from the database in the transaction that appends, so that a transaction that fails leaves no gap.
 */
export async function appendAll(transaction: Transaction<Tables>, records: readonly AuditRecord[]): Promise<void> {
  const last = await transaction
    .selectFrom('audit')
    .select(['seq', 'hash'])
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst();
  const rows = chained(last ?? { seq: 0, hash: ROOT }, records);
  for (let at = 0; at < rows.length; at += ROWS_MAX)
    await transaction
      .insertInto('audit')
      .values(rows.slice(at, at + ROWS_MAX))
      .execute();
}

function chained(last: Pick<ChainRow, 'seq' | 'hash'>, records: readonly AuditRecord[]): ChainRow[] {
  let { seq, hash: before } = last;
  return records.map((each) => {
    const record = JSON.stringify(each);
    before = entryHash(before, ++seq, each.at, record);
    return { seq, at: each.at, record, hash: before };
  });
}
