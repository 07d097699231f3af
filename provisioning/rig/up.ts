import { SKERRY } from '#shared/called.ts';
import { Failure } from '#shared/errors.ts';
import { assemble } from './assemble.ts';
import { stateBoard } from './board.ts';
import { type Layout, layoutOf } from './layout.ts';
import { lockRig } from './lock.ts';
import type { PlannedHost } from './plan.ts';
import { RIG_MARK } from './processes.ts';
import type { Site } from './site.ts';
import { readState } from './state.ts';
import { sweep } from './sweep.ts';

export interface UpOptions {
  dir: string;
  /** One agent on this hypervisor, in place of the rig's own hosts. */
  hypervisorUri: string | undefined;
  /** The rig's own hosts and guests. */
  hosts: readonly PlannedHost[];
  say: (line: string) => void;
  /** Calls it off while it is coming up. */
  signal: AbortSignal;
  /** What is still to be done when all parts answer, before it counts as up. */
  finish?: (site: Omit<Site, 'stop'>) => Promise<void>;
}

/**
 * Bring a rig up and keep it up, as long as this process lives.
 * @throws Failure setup-needed when one is up there already, or with what is missing; nothing of it is left then
 */
export async function bringUp({ dir, hypervisorUri, hosts, say, signal, finish }: UpOptions): Promise<Site> {
  const layout = layoutOf(dir);
  await using stack = new AsyncDisposableStack();
  const unlock = await lockRig(dir);
  if (unlock === undefined) throw new Failure('setup-needed', { problem: alreadyUp(layout) });
  stack.defer(unlock);
  // Whatever this process starts, and what that starts, is found by this.
  process.env[RIG_MARK] = dir;
  const leftovers = await sweep(dir);
  if (leftovers > 0) say(`Ended ${leftovers} processes that a killed rig had left`);
  const board = stateBoard(layout.state);
  stack.defer(() => board.remove());

  const calledOff = Promise.withResolvers<never>();
  const callOff = () => calledOff.reject(signal.reason);
  signal.addEventListener('abort', callOff);
  const rise = { dir, layout, board, stack, say, hypervisorUri, hosts };
  const whole = async () => {
    const site = await assemble(rise);
    await finish?.(site);
    return site;
  };
  const site = await Promise.race([whole(), calledOff.promise]);
  signal.removeEventListener('abort', callOff);
  board.set({ phase: 'up', accelerator: site.accelerator });
  const parts = stack.move();
  return {
    ...site,
    async stop() {
      board.set({ phase: 'going down' });
      await parts.disposeAsync();
    },
  };
}

function alreadyUp({ dir, state }: Layout): string {
  const known = readState(state);
  return known?.isAlive
    ? `The rig in ${dir} is ${known.phase}, held by process ${known.supervisor.pid}: see ${SKERRY} status, ${SKERRY} down`
    : `Another process is bringing up or taking down the rig in ${dir}`;
}
