import type { Duplex } from 'node:stream';
import type { GuestId, Work } from './driver.ts';

/**
 * What a driver does of live migration. These are there, or none of them.
 *
 * A guest is sent from one host to another by channels: byte streams between the drivers of both, which the agents make. At the other
 * host it arrives with its vCPUs stopped, and stays so until `landGuest`: the source has none of it any more by then. So it never
 * runs twice, whatever is lost on the way: as long as the source has a guest, that one is the guest, and what has arrived is thrown away.
 */
export interface Migrating {
  /** What another host needs to have for this guest, in words for `awaitGuest` of a driver of this kind. @throws Failure migration-unfit */
  offerGuest(id: GuestId, signal: AbortSignal): Promise<string>;

  /**
   * Make ready for a guest that another host offers: what it needs is looked at, and its disks are made. Again for the same guest, what an
   * earlier attempt left is removed first.
   * @throws Failure guest-exists, migration-unfit, host-space
   */
  awaitGuest(coming: Coming, signal: AbortSignal): Promise<Landing>;

  /**
   * Send a guest that runs or is paused; resolves when it is at the other host, paused there, and not here any more. An attempt of before that
   * was cut off is called off first. Where it fails, or is called off, the guest is here as it was.
   * @returns what is left of it here (disks that were copied), to be removed when it runs at the other host
   * @throws Failure migration-failed, guest-wrong-state
   */
  migrateGuest(id: GuestId, to: Sending, work: Work): Promise<LeftBehind>;

  /**
   * Whether a guest is here, when no move of it is under way any more: one that libvirt or its like still carries out is called off, and
   * waited for. One that a move was cut off of, and that stands still for that, runs on. It will never be under way again by itself.
   * @throws Failure: that cannot be told
   */
  recallGuest(id: GuestId, signal: AbortSignal): Promise<boolean>;

  /**
   * End what `awaitGuest` began. `came`: the source has none of it any more; from now on it runs here, unless it was paused when it was sent.
   * `stayed`: what has arrived is removed, with the disks that were made for it.
   *
   * Of a guest that is not awaited by this move nothing is changed: it has landed before, or it stayed. That it came is then
   * true only where it is here.
   * @throws Failure guest-wrong-state: somebody had it run before that was known; guest-not-found: it is said to have come, and is not here
   */
  landGuest(id: GuestId, landing: Landed, signal: AbortSignal): Promise<void>;
}

/** How a move ended. */
export interface Landed {
  move: string;
  outcome: 'came' | 'stayed';
}

/** A guest that is to come. */
export interface Coming {
  id: GuestId;
  name: string;
  /** What `offerGuest` said. */
  offer: string;
  /** Which move it is. */
  move: string;
}

/** The end of the channels where a guest comes to. */
export interface Landing {
  /** What the sender is to be told: where disks are, for one. */
  told: string;
  /** Take a channel that the sender opened. */
  accept(channel: string, stream: Duplex): void;
}

export interface LeftBehind {
  remove(): Promise<void>;
}

/** The end of the channels where a guest comes from. */
export interface Sending {
  told: string;
  open(channel: string): Promise<Duplex>;
}
