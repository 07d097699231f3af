import { Failure } from '#shared/errors.ts';

/** What is not the same for every hypervisor under libvirt. */
export interface Hypervisor {
  /** How definitions from the short form begin; without it there is no short form, and XML must be given. */
  shortForm?: {
    /** The domain type where the capabilities offer it, before `type`. */
    typeBest?: string;
    type: string;
    osType: string;
    machine?: string;
    /** Serial, guest agent, random numbers, balloon and ACPI: what QEMU has. */
    devices: boolean;
  };
  /** virsh's flags that make `undefine` take everything that hangs on a definition, disks excepted. */
  undefineFlags: readonly string[];
  /** Whether guests can have the agent of QEMU. */
  hasAgent?: boolean;
  /** Whether guests can have snapshots; `in disks`: of format qcow2, and nowhere else. */
  snapshots?: 'in disks' | 'anyhow';
  /** Whether disks are files that qemu-img reads. */
  hasDiskFiles?: boolean;
  /** Whether guests that run can move to another host. */
  migrates?: boolean;
  /** Whether guests can be handed files by the firmware's own way, fw_cfg. */
  hasFwCfg?: boolean;
  /** Ways to ask a guest to shut down, in the order in which they are tried, where there is a guest agent and where not. */
  askModes: { agent: readonly string[]; plain: readonly string[] };
}

const PLAIN: Hypervisor = { undefineFlags: [], askModes: { agent: [], plain: [] } };

const HYPERVISORS: Readonly<Record<string, Hypervisor>> = {
  qemu: {
    shortForm: { typeBest: 'kvm', type: 'qemu', osType: 'hvm', machine: 'q35', devices: true },
    undefineFlags: ['--managed-save', '--snapshots-metadata', '--checkpoints-metadata', '--nvram'],
    hasAgent: true,
    hasFwCfg: true,
    snapshots: 'in disks',
    hasDiskFiles: true,
    migrates: true,
    askModes: { agent: ['agent', 'acpi'], plain: ['acpi'] },
  },
  test: {
    ...PLAIN,
    shortForm: { type: 'test', osType: 'hvm', devices: false },
    undefineFlags: ['--snapshots-metadata'],
    snapshots: 'anyhow',
    hasDiskFiles: true,
  },
  xen: PLAIN,
  lxc: PLAIN,
};

/**
 * The row for a connection URI.
 *
 * `test:///` without a transport would keep its guests inside each virsh process, so that no two commands see the same
 * ones; a libvirtd carries it for all (`test+unix:///default?socket=…`).
 * @throws Failure config-invalid
 */
export function hypervisorOf(uri: string): Hypervisor {
  const [, scheme = '', transport] = /^([a-z]+)(?:\+([a-z0-9]+))?:\/\//.exec(uri) ?? [];
  const row = HYPERVISORS[scheme];
  if (!row) {
    throw new Failure('config-invalid', {
      file: 'hypervisor uri',
      problem: `"${uri}" is not one of ${Object.keys(HYPERVISORS).join(', ')} followed by ://`,
    });
  }
  if (scheme === 'test' && transport === undefined) {
    throw new Failure('config-invalid', {
      file: 'hypervisor uri',
      problem: `"${uri}" keeps its guests in each process; let a libvirtd carry it: test+unix:///default?socket=PATH`,
    });
  }
  return row;
}
