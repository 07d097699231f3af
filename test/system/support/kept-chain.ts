import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** Whether an agent keeps a chain that it starts at boot. @param state its folder for what it keeps */
export function keepsChain(state: string, chain: string): boolean {
  // An agent that has just begun has it to itself for a moment.
  const database = new DatabaseSync(join(state, 'agent.sqlite'), { readOnly: true, timeout: 5_000 });
  try {
    const row = database.prepare("SELECT value FROM settings WHERE key = 'cold-start'").get();
    return row !== undefined && String(row.value).includes(`chain: ${chain}`);
  } finally {
    database.close();
  }
}
