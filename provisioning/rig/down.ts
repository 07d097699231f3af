import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '#shared/errors.ts';
import { layoutOf } from './layout.ts';
import { lockRig } from './lock.ts';
import { areGone, signal } from './processes.ts';
import { readState, removeState } from './state.ts';
import { sweep } from './sweep.ts';

const ORDERLY_TIMEOUT_MS = 60_000;
const LOCK_TIMEOUT_MS = 5_000;

/**
 * Take a rig down: ask the process that holds it, and clear whatever is left, also of one that was killed.
 * @throws Failure setup-needed when another process keeps the folder
 */
export async function takeDown(dir: string): Promise<{ wasUp: boolean; leftovers: number }> {
  const layout = layoutOf(dir);
  const state = readState(layout.state);
  const wasUp = state?.isAlive === true;
  if (state !== undefined && wasUp) {
    signal(state.supervisor, 'SIGTERM');
    if (!(await areGone([state.supervisor], ORDERLY_TIMEOUT_MS))) signal(state.supervisor, 'SIGKILL');
    await areGone([state.supervisor], LOCK_TIMEOUT_MS);
  }
  const unlock = await lockSoon(dir);
  try {
    const leftovers = await sweep(dir);
    removeState(layout.state);
    removeState(layout.rig);
    return { wasUp, leftovers };
  } finally {
    unlock();
  }
}

/** A rig that has just begun has the lock and no state yet. */
async function lockSoon(dir: string): Promise<() => void> {
  const end = performance.now() + LOCK_TIMEOUT_MS;
  for (;;) {
    const unlock = await lockRig(dir);
    if (unlock !== undefined) return unlock;
    if (performance.now() > end) {
      throw new Failure('setup-needed', { problem: `Another process is bringing up or taking down the rig in ${dir}` });
    }
    await delay(50);
  }
}
