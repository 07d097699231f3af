import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** Whether an agent keeps a chain that it starts at boot. @param state its folder for what it keeps */
export function keepsChain(state: string, chain: string): boolean {
  const database = new DatabaseSync(join(state, 'agent.sqlite'), { readOnly: true });
  try {
    const row = database.prepare("SELECT value FROM settings WHERE key = 'cold-start'").get();
    return row !== undefined && String(row.value).includes(`chain: ${chain}`);
  } finally {
    database.close();
  }
}
