import type { Logger } from 'pino';
import type { GuestId } from '#agent/drivers/driver.ts';
import type { Run } from '#agent/exec/run.ts';
import type { runToEnd } from '#agent/exec/run-to-end.ts';
import { Failure } from '#shared/errors.ts';
import type { Turns } from '#shared/turns.ts';
import type { Capabilities } from './capabilities.ts';
import { UUID } from './definition.ts';
import type { Hypervisor } from './hypervisor.ts';
import type { Virsh } from './virsh.ts';

/** What every part of the driver stands on. */
export interface Ground {
  uri: string;
  virsh: Virsh;
  hypervisor: Hypervisor;
  log: Pick<Logger, 'debug' | 'info' | 'warn'>;
  /** A folder of our own, for what virsh shall read. */
  stateFolder: string;
  /** Where the hypervisor's files are seen from here: empty, unless it has a mount namespace of its own. */
  root: string;
  /** The host's name for messages. */
  host: string;
  /** What the host can do; asked once, and again as long as it did not answer. */
  capabilities(signal: AbortSignal): Promise<Capabilities>;
  run: Run;
  runToEnd: typeof runToEnd;
  /** One change of a guest's definition after the other. */
  inTurn: Turns;
}

/** The id, if it can be one of a guest: no other word gets onto a line for virsh. @throws Failure guest-not-found */
export function checkedId(ground: Ground, id: GuestId): GuestId {
  if (!UUID.test(id) || id === ground.hypervisor.hostId)
    throw new Failure('guest-not-found', { guest: id, host: ground.host });
  return id;
}

/** Whether something failed in that way. */
export const failedWith = (error: unknown, ...codes: readonly Failure['code'][]): error is Failure =>
  error instanceof Failure && codes.includes(error.code);
