import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

export type Step = { do: 'list' } | { do: 'run'; node: string; forms: (Record<string, string> | 'cancel')[] };
export interface Stage {
  status: string;
  actions: string[];
  notes: [string, string][];
  fields: Record<string, { type: string; value: unknown; options: string[] }>;
  columns: string[];
  items: Record<string, string>[];
  error?: string;
  text?: string;
}
export interface StepResult {
  nodes?: string[];
  stages?: Stage[];
  problem?: string;
}

/** Run steps with slixmpp (Debian's python3-slixmpp), a client that others wrote, as the account of a role. */
export async function slixmpp(rigFile: string, role: string, peer: string, steps: Step[]): Promise<StepResult[]> {
  const script = fileURLToPath(new URL('slixmpp-session.py', import.meta.url));
  const { stdout } = await execa('/usr/bin/python3', [script, rigFile, role, peer], {
    input: JSON.stringify(steps),
    timeout: 120_000,
  });
  return JSON.parse(stdout);
}
