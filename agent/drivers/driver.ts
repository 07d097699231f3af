import type { Mac } from '#shared/model/address.ts';
import type { BootParameter } from '#shared/model/boot-parameter.ts';
import type { Guest, GuestForm, GuestRecipe, GuestState, GuestStats } from '#shared/model/guest.ts';
import type { Nic, NicWanted } from '#shared/model/nic.ts';
import type { Snapshot } from '#shared/model/snapshot.ts';
import type { Migrating } from './migration.ts';

/**
 * What a hypervisor must be able to do, whatever it is.
 *
 * Guests are named by `GuestId` towards the driver: the hypervisor's own stable handle (libvirt: the UUID), never the
 * name that a person typed. A driver throws Failure only: those that a method's own comment names, and `guest-not-found`,
 * `guest-exists`, `guest-wrong-state`, `guest-definition`, `host-command`, `host-output`, `host-timeout`, `host-space`,
 * `host-unreachable`. What it cannot do it leaves out (the optional methods).
 * Every method that waits takes a signal, and stops waiting when it fires. Methods return when the hypervisor has done
 * it; what the guest makes of it is seen by `watch` and `readGuest`.
 */
export interface HypervisorDriver extends Partial<Migrating> {
  /** `libvirt`, `fake`, `lxc`, `zones`. Of several in one: all of them, as `libvirt and lxc`. */
  readonly kind: string;
  /** Of several drivers in one (several.ts): each by its name, which is its `kind` as well. Left out by a driver that is one. */
  readonly parts?: ReadonlyMap<DriverName, HypervisorDriver>;
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

  /**
   * Make a guest that is off, from an image of the folder that the driver was configured with; without one it is left out.
   *
   * The guest is there (listed) only when all of it is there. What an attempt left that was cut off at any instant, or that failed, is
   * neither listed nor in the way of the next one.
   * @throws Failure image-not-found, image-unfit, bad-argument for a path; guest-definition for options that the driver does not know
   */
  createGuest?(recipe: GuestRecipe, work: Work): Promise<DriverGuest>;
  /**
   * Make a guest like this one, with an id, a name and MACs of its own and nothing of the other's but its content. As for `createGuest`,
   * it is there when all of it is there. Both guests go their own way afterwards, also where they are `linked` (copy-on-write).
   * @throws Failure guest-wrong-state of one that is on, clone-unfit where it cannot be done of this one, or not linked
   */
  cloneGuest?(id: GuestId, as: { name: string; linked: boolean }, work: Work): Promise<DriverGuest>;
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
   * Run a program as the administrator inside a guest that runs, by its words and no shell; resolves when it has ended.
   *
   * One that takes longer than `limitMs`, or is called off by the signal, is ended where that can be done. Of each way out the
   * first `bytesMax` are kept, and the rest is read and dropped: a program is not stopped by what it writes.
   * @throws Failure guest-wrong-state, program-failed: it could not be started; program-late; guest-agent-silent
   */
  runProgram?(id: GuestId, program: Program, signal: AbortSignal): Promise<ProgramEnd>;

  /** The oldest first. These four are there, or none of them. */
  listSnapshots?(id: GuestId, signal: AbortSignal): Promise<Snapshot[]>;
  /** @throws Failure snapshot-exists; snapshot-unfit where this guest can have none, or not while it runs */
  takeSnapshot?(id: GuestId, name: string, work: Work): Promise<void>;
  /** Whether the guest runs afterwards is as the snapshot has it: one without `state` leaves it off. @throws Failure snapshot-not-found, snapshot-unfit */
  revertSnapshot?(id: GuestId, name: string, work: Work): Promise<void>;
  /** @throws Failure snapshot-not-found; snapshot-unfit where others hang on it */
  deleteSnapshot?(id: GuestId, name: string, work: Work): Promise<void>;

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

/** A UUID, which stays while the guest does, whatever happens to its name. A hypervisor that has none is given one by its driver. */
export type GuestId = string;
/** As the guests of a driver tell it: its kind, unless the configuration gives it another name. */
export type DriverName = string;

/** A guest as a driver knows it: without the host's name and without addresses, which others add. */
export type DriverGuest = Omit<Guest, 'host' | 'addresses' | 'uuid' | 'driver'> & { id: GuestId; driver: DriverName };

/** What goes with long work. */
export interface Work {
  /** Fires when it is called off: the driver takes back what it has done so far. */
  signal: AbortSignal;
  progress(text: string, percent?: number): void;
}

export interface Program {
  /** The program, which the guest looks for in its own PATH where it is no path, and its arguments. */
  command: readonly string[];
  limitMs: number;
  bytesMax: number;
}
export interface ProgramEnd {
  /** Missing where a signal ended it. */
  exitCode?: number;
  /** The number of the signal that ended it. */
  signal?: number;
  stdout: Uint8Array;
  stderr: Uint8Array;
  /** Something was dropped. */
  cut: boolean;
}

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
