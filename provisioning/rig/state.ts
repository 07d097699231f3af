import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { isAlive, type ProcessId } from './processes.ts';

/** What a rig says of itself in its rig-state.json, for `status`, `down` and tests. */
export interface RigState {
  supervisor: ProcessId;
  phase: 'coming up' | 'up' | 'going down';
  sinceMs: number;
  /** How guests run, and why. */
  accelerator?: string;
  /** First processes of the machines, ejabberd, agents: what runs under that name now. */
  parts: Record<string, { process: ProcessId; starts: number }>;
}

export function writeState(file: string, state: RigState): void {
  writeFileSync(`${file}.new`, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** @returns undefined when no rig has the folder; a state whose supervisor is not alive was left by one that was killed */
export function readState(file: string): (RigState & { isAlive: boolean }) | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const state = JSON.parse(text) as RigState;
  return { ...state, isAlive: isAlive(state.supervisor) };
}

export const removeState = (file: string): void => rmSync(file, { force: true });
