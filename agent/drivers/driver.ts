import type { Mac } from '#shared/model/address.ts';
import type { BootParameter } from '#shared/model/boot-parameter.ts';
import type { Guest, GuestForm, GuestState, GuestStats } from '#shared/model/guest.ts';
import type { Nic, NicWanted } from '#shared/model/nic.ts';

/**
 * What a hypervisor must be able to do, whatever it is.
 *
 * Guests are named by `GuestId` towards the driver: the hypervisor's own stable handle (libvirt: the UUID), never the
 * name that a person typed. A driver throws Failure only: `guest-not-found`, `guest-exists`, `guest-wrong-state`,
 * `guest-definition`, `guest-params`, `guest-agent-silent`, `host-command`, `host-output`, `host-timeout`, `host-unreachable`. What it cannot do it leaves out (the optional methods).
 * Every method that waits takes a signal, and stops waiting when it fires. Methods return when the hypervisor has done
 * it; what the guest makes of it is seen by `watch` and `readGuest`.
 */
export interface HypervisorDriver {
  /** `libvirt`, `fake`, `lxc`, `zones`. */
  readonly kind: string;
  /** Connection URI or its like, for people. */
  readonly uri: string;

  /** Never fails for one bad guest: what cannot be read is left out and logged. */
  listGuests(signal: AbortSignal): Promise<DriverGuest[]>;
  /** @throws Failure guest-not-found */
  readGuest(id: GuestId, signal: AbortSignal): Promise<DriverGuest>;
  readHost(signal: AbortSignal): Promise<DriverHost>;

  /**
   * Start it with these boot parameters, and none that it was given by an earlier start.
   * @throws Failure guest-params where it takes none
   */
  startGuest(
    id: GuestId,
    options: { paused: boolean; params?: readonly BootParameter[] },
    signal: AbortSignal,
  ): Promise<void>;
  /** The boot parameters that `startGuest` gave what runs now; none while it is off. */
  readParams(id: GuestId, signal: AbortSignal): Promise<BootParameter[]>;
  /** Ask; do not wait for the guest. `again` is the n-th time of asking, so that another way may be tried. */
  shutdownGuest(id: GuestId, options: { again: number }, signal: AbortSignal): Promise<void>;
  poweroffGuest(id: GuestId, signal: AbortSignal): Promise<void>;
  rebootGuest(id: GuestId, signal: AbortSignal): Promise<void>;
  suspendGuest?(id: GuestId, signal: AbortSignal): Promise<void>;
  resumeGuest?(id: GuestId, signal: AbortSignal): Promise<void>;

  /** Define from the hypervisor's own language. Returns what is there now. With `replace` an existing guest is changed. */
  defineGuest(definition: string, options: { replace: boolean }, signal: AbortSignal): Promise<DriverGuest>;
  /** The definition that a form means, in the hypervisor's own language; changes nothing. */
  definitionOf(form: GuestForm): string;
  /** The name of the guest that a definition is of; changes nothing. @throws Failure guest-definition */
  nameIn?(definition: string): string;
  deleteGuest(id: GuestId, signal: AbortSignal): Promise<void>;
  readDefinition(id: GuestId, signal: AbortSignal): Promise<string>;

  setGuest(id: GuestId, change: GuestChange, signal: AbortSignal): Promise<GuestChanged[]>;
  setAutostart(id: GuestId, enabled: boolean, signal: AbortSignal): Promise<void>;

  /** Interfaces as they run, and as the definition has them where that differs. */
  listNics(id: GuestId, signal: AbortSignal): Promise<DriverNic[]>;
  /**
   * Have a guest have this interface, from now on where it runs; others are not touched. One of the same MAC is changed in what
   * differs. Returns all of that MAC, as it is afterwards.
   */
  attachNic(id: GuestId, nic: NicWanted, signal: AbortSignal): Promise<DriverNic[]>;
  /** Have it have none of that MAC; returns what is left of it because the guest has not let go of it. */
  detachNic(id: GuestId, mac: Mac, signal: AbortSignal): Promise<DriverNic[]>;

  readStats(id: GuestId, signal: AbortSignal): Promise<GuestStats>;
  /** Addresses as the guest or a lease tells them; empty where nothing is known. May take long: not part of readGuest. */
  readAddresses?(id: GuestId, signal: AbortSignal): Promise<string[]>;

  /**
   * Tell of every change from now on. `onBreak` is called once when the stream ends by itself; whoever watches must then
   * watch again and read everything anew, since events in between are lost.
   */
  watch(listener: GuestEventListener, onBreak: (problem: Error) => void, signal: AbortSignal): Promise<Watch>;

  /** Open the first serial console of a running guest. @throws Failure console-missing, console-closed */
  openConsole?(id: GuestId, signal: AbortSignal): Promise<SerialPort>;

  /** The end of what the hypervisor keeps of the console, also while the guest is off; empty where it keeps nothing. */
  readConsoleLog?(id: GuestId, bytesMax: number, signal: AbortSignal): Promise<Uint8Array>;

  /** Ask the agent inside a running guest for a sign of life. @throws Failure guest-agent-silent, guest-wrong-state */
  pingGuestAgent?(id: GuestId, signal: AbortSignal): Promise<void>;

  /** Findings about the hypervisor's own machine, for `host doctor`. */
  examine?(
    signal: AbortSignal,
  ): Promise<{ check: string; verdict: 'ok' | 'warning' | 'wrong'; found: string; mend?: string }[]>;

  close(): Promise<void>;
}

export type GuestId = string;

/** A guest as a driver knows it: without the host's name and without addresses, which others add. */
export type DriverGuest = Omit<Guest, 'host' | 'addresses' | 'uuid'> & { id: GuestId };

/** An interface as a driver knows it: which network of ours it is on, others tell. */
export type DriverNic = Omit<Nic, 'network'>;

export interface DriverHost {
  cpus: number;
  memoryMiB: number;
  hypervisor: string;
  cpuModel?: string;
}

export interface GuestChange {
  vcpus?: number;
  memoryMiB?: number;
  title?: string;
}
export interface GuestChanged {
  setting: string;
  value: string;
  holds: 'now' | 'from the next start';
}

/**
 * What happened to a guest. `name` as the hypervisor's event names it; `id` where the event has it. `state` where the
 * event itself tells the new state, so that nobody has to ask before telling others; undefined means read it.
 */
export interface GuestEvent {
  name: string;
  id?: GuestId;
  what:
    | 'defined'
    | 'undefined'
    | 'started'
    | 'suspended'
    | 'resumed'
    | 'shutdown'
    | 'stopped'
    | 'crashed'
    | 'pmsuspended'
    | 'changed'
    | 'agent';
  state?: GuestState;
  /** The hypervisor's own word for why: libvirt's `Booted`, `Destroyed`, `Crashed`, … */
  detail?: string;
}
export type GuestEventListener = (event: GuestEvent) => void;
export interface Watch {
  stop(): Promise<void>;
}

/** One open serial port. Reading never stops of itself: a port that nobody reads stops the guest's console. */
export interface SerialPort {
  onData(listener: (chunk: Uint8Array) => void): void;
  onEnd(listener: () => void): void;
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
  /** What was written before it was opened, where the hypervisor kept it (a log file), newest part up to `bytesMax`. */
  history?(bytesMax: number): Promise<Uint8Array>;
}
