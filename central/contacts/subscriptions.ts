import type { Database } from '#central/database/open.ts';
import type { Writer } from '#central/database/writer.ts';

/** Who sees the presence of which guest. In memory, and kept. */
export interface Subscriptions {
  of(contact: string): ReadonlySet<string>;
  has(contact: string, jid: string): boolean;
  /** Resolves when it is kept. */
  add(contact: string, jid: string): Promise<void>;
  remove(contact: string, jid: string): Promise<void>;
}

const NOBODY: ReadonlySet<string> = new Set();

export async function subscriptions(database: Database, writer: Writer): Promise<Subscriptions> {
  const all = new Map<string, Set<string>>();
  const setOf = (contact: string): Set<string> => {
    const known = all.get(contact) ?? new Set<string>();
    all.set(contact, known);
    return known;
  };
  for (const { contact, jid } of await database.selectFrom('subscriptions').selectAll().execute())
    setOf(contact).add(jid);
  return {
    of: (contact) => all.get(contact) ?? NOBODY,
    has: (contact, jid) => all.get(contact)?.has(jid) ?? false,
    add: async (contact, jid) => {
      if (setOf(contact).has(jid)) return;
      setOf(contact).add(jid);
      await writer.write(async (transaction) => {
        await transaction
          .insertInto('subscriptions')
          .values({ contact, jid })
          .onConflict((conflict) => conflict.columns(['contact', 'jid']).doNothing())
          .execute();
      });
    },
    remove: async (contact, jid) => {
      if (!all.get(contact)?.delete(jid)) return;
      await writer.write(async (transaction) => {
        await transaction.deleteFrom('subscriptions').where('contact', '=', contact).where('jid', '=', jid).execute();
      });
    },
  };
}
