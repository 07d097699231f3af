import type { Duplex } from 'node:stream';
import type { GuestState } from '#shared/model/guest.ts';

/** A guest as a hypervisor has it. */
export interface ModelGuest {
  state: GuestState;
  reason?: string;
}

/**
 * What libvirt does of a move, one step at a time: it goes on without the agent that began it. `finish` has the guest be at the target; when the
 * answer has come back it cannot be called off any more, and the source is `stopped` and then forgets it.
 */
const PHASES = ['begun', 'performing', 'finish', 'answered', 'stopped', 'gone'] as const;
type Phase = (typeof PHASES)[number];

interface Outgoing {
  phase: Phase;
  isCalledOff: boolean;
  way: Duplex;
  ended: Promise<boolean>;
  end(hasLeft: boolean): void;
}

/** A hypervisor of one host, and what its driver keeps on the disk: both outlive every agent. */
export class ModelHypervisor {
  guest: ModelGuest | undefined;
  /** By which move it is awaited. */
  awaited: string | undefined;
  outgoing: Outgoing | undefined;
  /** Where the guest comes to; undefined: nobody takes it at the other end of that way. */
  readonly #other: (way: Duplex) => ModelHypervisor | undefined;

  constructor(other: (way: Duplex) => ModelHypervisor | undefined) {
    this.#other = other;
  }

  /** @returns whether it has left */
  send(way: Duplex): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.outgoing = { phase: 'begun', isCalledOff: false, way, ended: promise, end: resolve };
    return promise;
  }

  /** The next step of what is under way. */
  step(): void {
    const { outgoing, guest } = this;
    if (!outgoing || !guest) return;
    const other = this.#other(outgoing.way);
    const isBefore = PHASES.indexOf(outgoing.phase) < PHASES.indexOf('answered');
    const mayBeCalledOff = outgoing.phase === 'begun' || outgoing.phase === 'performing';
    if ((isBefore && !other) || (mayBeCalledOff && outgoing.isCalledOff)) {
      this.#giveUp();
      return;
    }
    outgoing.phase = PHASES[PHASES.indexOf(outgoing.phase) + 1] as Phase;
    if (outgoing.phase === 'finish' && other) {
      this.guest = { state: 'paused', reason: 'migrating' };
      other.guest = { state: 'paused', reason: 'migrating' };
    }
    if (outgoing.phase === 'stopped') this.guest = { state: 'shutoff', reason: 'migrated' };
    if (outgoing.phase === 'gone') {
      this.guest = undefined;
      this.#end(true);
    }
  }

  /** As libvirt does when it does not hear from the other. */
  #giveUp(): void {
    this.guest = { state: 'running' };
    this.#end(false);
  }

  #end(hasLeft: boolean): void {
    this.outgoing?.end(hasLeft);
    this.outgoing = undefined;
  }
}
