import type { GuestChange, GuestId } from '#agent/drivers/driver.ts';
import type { Sketch } from './xml.ts';

/**
 * All that is not the same for every hypervisor under libvirt. A row for each is in `hypervisors/`; nothing else in this driver
 * asks which hypervisor it is.
 *
 * What a row does not have (no `agent`, no `snapshots`) its guests have not: the driver leaves those methods out.
 */
export interface Hypervisor {
  shortForm: ShortForm;
  /** Where disks, or roots, of guests go where the configuration names no folder. */
  diskFolder: string;
  /** Where consoles are logged, where the configuration names no folder; without it they are not. */
  consoleFolder?: string;
  /** virsh's flags that make `undefine` take everything that hangs on a definition, disks excepted. */
  undefineFlags: readonly string[];
  /** Whether a guest can be started with its vCPUs stopped. */
  startsPaused: boolean;
  /**
   * Whether guests are processes of the host's kernel: libvirt tells of their first one, sets no MTU of their links, has one without a
   * file system for `/` run on the host's own, and one without interfaces share the host's.
   */
  isContainer?: boolean;
  /** The id of the host itself, which libvirt lists as a guest. */
  hostId?: GuestId;

  /** How a guest is asked; a container first by the signal that its first process hears. */
  ask: Readonly<Record<Request, Ways>>;
  /** Whether guests can have the agent of QEMU. */
  hasAgent?: boolean;
  /** By what programs are run inside. */
  runsPrograms?: 'agent' | 'namespaces';
  /** Where addresses are asked for, in virsh's words; without it nowhere. `agent` where one is there. */
  addressSources?: readonly ('agent' | 'lease')[];
  /** Ways to hand a guest boot parameters; words at the end of the kernel's command line where the host boots one. */
  parameters: { fwCfg?: boolean; environment?: boolean };

  /** Words that change what runs; what has none holds from the next start. */
  live: Partial<Readonly<Record<keyof GuestChange, LiveWords>>>;
  /** vCPUs are a number that limits nothing, unless the definition has a quota of time too. */
  limitsByQuota?: boolean;
  /** Where vCPUs and memory of a guest stand: `dominfo` may tell the memory that it uses in place of what it has, or not answer. */
  factsIn: 'dominfo' | 'definition';
  nics: {
    /** What interfaces are, in definitions; without it they have no model. */
    model?: string;
    models: readonly string[];
    /** How one of a guest that runs is put on another bridge: changed, or taken away and given anew. */
    moves: 'changed' | 'anew';
  };
  /** Whether guests have a serial console, and whether all that it has said can be read, also while they are off. */
  console: 'none' | 'now' | 'kept';

  /** Whether disks are files that qemu-img reads: then guests can be cloned and made of images. */
  hasDiskFiles?: boolean;
  /** Whether guests that run can move to another host. */
  migrates?: boolean;
  /** Whether guests can have snapshots; `in disks`: of format qcow2, and nowhere else. */
  snapshots?: 'in disks' | 'anyhow';
}

export type Request = 'shutdown' | 'reboot';
/** Modes of virsh, in the order in which they are tried, where there is a guest agent and where not; none: its own. */
export interface Ways {
  agent: readonly string[];
  plain: readonly string[];
}
type LiveWords = (id: GuestId, change: GuestChange) => readonly string[];

/** How definitions from the short form look. */
export interface ShortForm {
  /** Domain types; one that is not last is taken where the capabilities offer it. */
  types: readonly [string, ...string[]];
  /** `<os>`, below which kernel, ramdisk and command line go. */
  os: Sketch;
  /** The same where the host boots a kernel for the guest; `refused` where it cannot. Without it, the same. */
  osOfKernel?: Sketch | 'refused';
  /** Beside the devices. */
  parts: readonly Sketch[];
  /** Buses of disks with the letters that devices on them begin with, the usual one first; or folders of the host. */
  disks: Readonly<Record<string, string>> | 'file systems';
  /** Whether guests can be made of disk images. */
  takesImages: boolean;
  /** Devices that all have, for a guest of that name with so many others. */
  devices(place: { name: string; consoleFolder: string; others: number }): readonly Sketch[];
}
