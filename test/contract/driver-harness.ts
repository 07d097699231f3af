import type { GuestId, HypervisorDriver } from '#agent/drivers/driver.ts';
import type { BootParameter } from '#shared/model/boot-parameter.ts';

/** What a guest's definition is asked to say; each driver's harness writes it in its own language. */
export interface GuestWanted {
  name: string;
  memoryMiB?: number;
  vcpus?: number;
  title?: string;
}

/** A driver on a hypervisor of its own, and the hands of somebody else on the same hypervisor. */
export interface DriverHarness {
  driver: HypervisorDriver;

  /** The kind of the driver that has the guests of `definition`, where it is one of several in one. */
  kind?: string;

  /** A definition that `defineGuest` takes. The guest can be started, and when started it answers a request to shut down. */
  definition(wanted: GuestWanted): string;

  /** What a name can hold: anything, where it is left out; else letters, digits and `. _ -`. */
  names?: 'plain';

  /** Act on the hypervisor past the driver, as another program on that machine would. */
  behind: {
    start(id: GuestId): Promise<void>;
    poweroff(id: GuestId): Promise<void>;
    delete(id: GuestId): Promise<void>;
  };

  /** Whether a guest can be started with its vCPUs stopped; true where it is left out. */
  startsPaused?: boolean;

  /** The most that a guest takes to boot, and so to answer when asked to shut down. */
  bootMsMax: number;

  /** Type `type` and the console shows `shows`, in a guest that has come up. Left out where guests have no console. */
  console?: { type: string; shows: string; up: string };

  /** Whether a guest that has come up has an agent inside that answers. */
  hasGuestAgent: boolean;

  /** Two bridges that interfaces of a running guest can be put on. Left out where there are none. */
  bridges?: readonly [string, string];
  /** What interfaces of its guests are; `virtio` where it is left out. */
  nicModel?: string;
  /** A running guest's interface takes another MTU at once. */
  changesMtu?: boolean;
  /** Whether a guest of `definition` can be given boot parameters. */
  takesParameters: boolean;

  /** Typed on the console of a guest that has come up, it shows what came to it of them, up to `end`. */
  parametersInside?: { type: string; end: string; read(shown: string): BootParameter[] };

  /** Whether programs can be run in a guest that has come up: those of a POSIX system, as `echo`, `false`, `ls`, `seq`, `sleep`. */
  runsPrograms: boolean;

  /** What guests can be cloned, and whether such clones can be linked. */
  clones: 'none' | 'full' | 'linked';

  /** Guests that can have snapshots: none, those that are off, or those that run too, with their memory. */
  snapshots: 'none' | 'off' | 'running';
  /** A guest's definition that has what snapshots and clones of it need (a disk), where that of `definition` has not. */
  withDisk?(wanted: GuestWanted): Promise<string>;

  /** A driver of this kind on another hypervisor, which guests can move to. Left out where they cannot, or where there is no other. */
  other?: HypervisorDriver;

  /** Images that guests can be made of, and what else to say. Left out where the driver was given no folder of them. */
  images?: readonly { name: string; options?: Record<string, string> }[];
  /** Entries of that folder that no guest can be made of. */
  imagesUnfit?: readonly string[];

  /** What belongs to the driver and is still there: processes, sessions, open files. Empty after `driver.close()`. */
  leftovers(): Promise<string[]>;

  /** Take the hypervisor away and bring it back, its guests kept. Left out where that cannot be done. */
  restart?: () => Promise<void>;

  close(): Promise<void>;
}
