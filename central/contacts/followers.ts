import type { Database } from '#central/database/open.ts';
import type { Writer } from '#central/database/writer.ts';

/** Whose contact lists central fills: those that its configuration names, and those who asked for it; not those who asked it to stop. */
export interface Followers {
  all(): readonly string[];
  /** Resolves when it is kept. @throws Failure host-space */
  set(jid: string, follows: boolean): Promise<void>;
}

const PREFIX = 'roster ';

export async function followers(database: Database, writer: Writer, configured: readonly string[]): Promise<Followers> {
  const rows = await database.selectFrom('settings').selectAll().where('key', 'like', `${PREFIX}%`).execute();
  const asked = new Map(rows.map(({ key, value }) => [key.slice(PREFIX.length), value === 'yes']));
  return {
    all: () => {
      const people = new Set([...configured, ...asked.keys()]);
      return [...people].filter((jid) => asked.get(jid) ?? true);
    },
    set: async (jid, follows) => {
      const value = follows ? 'yes' : 'no';
      await writer.write(async (transaction) => {
        await transaction
          .insertInto('settings')
          .values({ key: `${PREFIX}${jid}`, value })
          .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
          .execute();
      });
      asked.set(jid, follows);
    },
  };
}
