import type { ProcessId } from './processes.ts';
import { processId } from './processes.ts';
import { type RigState, removeState, writeState } from './state.ts';

/** The rig's state as this process knows it, written down with each change. */
export interface Board {
  started(name: string, process: ProcessId): void;
  set(change: Partial<Pick<RigState, 'phase' | 'accelerator'>>): void;
  remove(): void;
}

export function stateBoard(file: string): Board {
  const supervisor = processId(process.pid);
  if (supervisor === undefined) throw new Error('this process is not in /proc');
  let state: RigState = { supervisor, phase: 'coming up', sinceMs: Date.now(), parts: {} };
  const change = (next: Partial<RigState>) => {
    state = { ...state, ...next };
    writeState(file, state);
  };
  change({});
  return {
    started: (name, started) =>
      change({ parts: { ...state.parts, [name]: { process: started, starts: (state.parts[name]?.starts ?? 0) + 1 } } }),
    set: change,
    remove: () => removeState(file),
  };
}
