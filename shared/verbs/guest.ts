import { z } from 'zod';
import { BootParameter, PARAMETERS_MAX, ParameterWord, parameterOf } from '#shared/model/boot-parameter.ts';
import { DriverName, Guest, GuestForm, GuestRef, GuestState, GuestStats } from '#shared/model/guest.ts';
import { ProgramResult } from '#shared/model/program.ts';
import { verb } from '#shared/verb/verb.ts';

const oneGuest = z.strictObject({ guest: GuestRef });
const forceAfterS = z.int().min(1).max(3600).optional().meta({
  title: 'Force after',
  unit: 's',
  description: 'Power it off when it is still up after so long. Without it, nothing is forced.',
});
const waitS = z.int().min(1).max(3600).default(120).meta({
  title: 'Wait',
  unit: 's',
  description: 'How long to wait for the guest to stop before saying that it did not.',
});
const hostFailures = ['host-command', 'host-timeout'] as const;

export const guestVerbs = {
  'guest.list': verb({
    summary: 'List the guests.',
    risk: 'read',
    args: z.strictObject({
      state: GuestState.optional().meta({ title: 'State', description: 'Only guests in this state.' }),
      match: z.string().max(255).optional().meta({ title: 'Match', description: 'Only guests whose name holds this.' }),
    }),
    positional: ['match'],
    result: z.array(Guest),
    failures: [],
    timeoutMs: 10_000,
    example: 'guest list state=running',
  }),
  'guest.info': verb({
    summary: 'Show what a guest is and how it is.',
    risk: 'read',
    args: oneGuest,
    positional: ['guest'],
    guestArg: 'guest',
    result: Guest,
    failures: ['guest-not-found'],
    timeoutMs: 10_000,
    example: 'guest info venti',
  }),
  'guest.start': verb({
    summary: 'Start a guest that is shut off.',
    details:
      'Boot parameters are words on the command line of a kernel that the host boots for the guest, and files `opt/org.skerry/NAME` of fw_cfg under QEMU.',
    risk: 'change',
    args: oneGuest.extend({
      paused: z.boolean().default(false).meta({ title: 'Paused', description: 'Leave the vCPUs stopped.' }),
      params: z
        .array(ParameterWord)
        .max(PARAMETERS_MAX)
        .refine((words) => new Set(words.map((word) => parameterOf(word).name)).size === words.length, {
          error: 'a name is there twice',
        })
        .default([])
        .meta({
          title: 'Boot parameters',
          description:
            'NAME=VALUE, one a line, for those who may also use guest define. They hold for this start, in place of those of the start before.',
        }),
    }),
    positional: ['guest'],
    guestArg: 'guest',
    argNeeds: { params: 'guest.define' },
    result: Guest,
    failures: ['guest-not-found', 'guest-wrong-state', 'guest-params', ...hostFailures],
    timeoutMs: 60_000,
    example: 'guest start venti',
  }),
  'guest.params': verb({
    summary: 'Show the boot parameters that a guest was started with.',
    details: 'Those that Skerry gave it, by a chain or by `guest start`; none while it is off.',
    risk: 'read',
    args: oneGuest,
    positional: ['guest'],
    guestArg: 'guest',
    result: z.array(BootParameter),
    failures: ['guest-not-found', ...hostFailures],
    timeoutMs: 10_000,
    example: 'guest params venti',
  }),
  'guest.shutdown': verb({
    summary: 'Ask a guest to shut down, and wait until it has.',
    details:
      'The guest is asked by its agent where it has one, else by the ACPI power button. It may refuse: then the job says so.',
    risk: 'change',
    job: true,
    args: oneGuest.extend({ waitS, forceAfterS }),
    positional: ['guest'],
    guestArg: 'guest',
    result: Guest,
    failures: ['guest-not-found', 'guest-wrong-state', 'guest-not-stopped', 'job-cancelled', ...hostFailures],
    timeoutMs: 3_700_000,
    example: 'guest shutdown venti forceAfterS=60',
  }),
  'guest.poweroff': verb({
    summary: 'Cut a guest off, as by pulling its plug.',
    risk: 'destroy',
    args: oneGuest,
    positional: ['guest'],
    guestArg: 'guest',
    result: Guest,
    failures: ['guest-not-found', 'guest-wrong-state', ...hostFailures],
    timeoutMs: 60_000,
    example: 'guest poweroff venti',
  }),
  'guest.reboot': verb({
    summary: 'Ask a guest to restart itself.',
    risk: 'change',
    args: oneGuest,
    positional: ['guest'],
    guestArg: 'guest',
    result: Guest,
    failures: ['guest-not-found', 'guest-wrong-state', ...hostFailures],
    timeoutMs: 60_000,
    example: 'guest reboot venti',
  }),
  'guest.suspend': verb({
    summary: 'Stop the vCPUs of a guest; its memory stays.',
    risk: 'change',
    args: oneGuest,
    positional: ['guest'],
    guestArg: 'guest',
    result: Guest,
    failures: ['guest-not-found', 'guest-wrong-state', ...hostFailures],
    timeoutMs: 60_000,
    example: 'guest suspend venti',
  }),
  'guest.resume': verb({
    summary: 'Let the vCPUs of a suspended guest run on.',
    risk: 'change',
    args: oneGuest,
    positional: ['guest'],
    guestArg: 'guest',
    result: Guest,
    failures: ['guest-not-found', 'guest-wrong-state', ...hostFailures],
    timeoutMs: 60_000,
    example: 'guest resume venti',
  }),
  'guest.define': verb({
    summary: 'Define a guest, from XML or from a few facts.',
    details:
      'Give `definition` (the XML of the hypervisor, which names the guest itself), or `name` and what it shall have. A guest that is there is changed only with `replace`.',
    risk: 'change',
    args: z.strictObject({
      name: GuestForm.shape.name.optional(),
      vcpus: z.int().min(1).max(512).default(1).meta({ title: 'vCPUs' }),
      memoryMiB: z.int().min(16).max(16_777_216).default(256).meta({ title: 'Memory', unit: 'MiB' }),
      disk: z.array(z.string().min(1).max(1024)).max(32).default([]).meta({
        title: 'Disks',
        description: 'One a line: PATH[,format=qcow2|raw][,bus=virtio|scsi|sata][,readonly].',
      }),
      nic: z.array(z.string().min(1).max(255)).max(32).default([]).meta({
        title: 'Network interfaces',
        description: 'One a line: bridge=NAME or network=NAME[,mac=…][,model=virtio][,target=LINK][,mtu=…].',
      }),
      kernel: z
        .string()
        .min(1)
        .max(1024)
        .optional()
        .meta({ title: 'Kernel', description: 'Path on the host, to boot without a disk.' }),
      ramdisk: z.string().min(1).max(1024).optional().meta({ title: 'Ramdisk', description: 'Path on the host.' }),
      cmdline: z.string().max(2048).optional().meta({ title: 'Kernel command line' }),
      title: z.string().max(200).optional().meta({ title: 'Title' }),
      driver: DriverName.optional().meta({
        title: 'Driver',
        description:
          'Where the host has several: which one. Without it the first, or that of the guest to be replaced.',
      }),
      definition: z
        .string()
        .max(262_144)
        .optional()
        .meta({ title: 'Definition', multiline: true, description: 'XML, in place of all the above.' }),
      replace: z
        .boolean()
        .default(false)
        .meta({ title: 'Replace', description: 'Change the definition of a guest that is there.' }),
    }),
    positional: ['name'],
    guestArg: 'name',
    result: Guest,
    failures: ['guest-exists', 'guest-definition', ...hostFailures],
    timeoutMs: 60_000,
    example: 'guest define web1 vcpus=2 memoryMiB=512 disk=/srv/web1.qcow2 nic=bridge=br0',
  }),
  'guest.delete': verb({
    summary: 'Remove the definition of a guest that is shut off; its disks stay.',
    risk: 'destroy',
    args: oneGuest,
    positional: ['guest'],
    guestArg: 'guest',
    result: Guest,
    failures: ['guest-not-found', 'guest-wrong-state', ...hostFailures],
    timeoutMs: 60_000,
    example: 'guest delete venti',
  }),
  'guest.set': verb({
    summary: 'Change the vCPUs, the memory or the title of a guest, at once where it can be.',
    details: 'What a running guest cannot take holds from its next start, and the answer says so.',
    risk: 'change',
    args: oneGuest.extend({
      vcpus: z.int().min(1).max(512).optional().meta({ title: 'vCPUs' }),
      memoryMiB: z.int().min(16).max(16_777_216).optional().meta({ title: 'Memory', unit: 'MiB' }),
      title: z.string().max(200).optional().meta({ title: 'Title' }),
    }),
    positional: ['guest'],
    guestArg: 'guest',
    result: z.array(
      z
        .strictObject({
          setting: z.string().meta({ title: 'Setting' }),
          value: z.string().meta({ title: 'Value' }),
          holds: z.enum(['now', 'from the next start']).meta({ title: 'Holds' }),
        })
        .meta({ line: '{setting} {value}, {holds}' }),
    ),
    failures: ['guest-not-found', ...hostFailures],
    timeoutMs: 60_000,
    example: 'guest set venti memoryMiB=128',
  }),
  'guest.autostart': verb({
    summary: 'Say whether a guest starts when its host does.',
    risk: 'change',
    args: oneGuest.extend({ enabled: z.boolean().default(true).meta({ title: 'Enabled' }) }),
    positional: ['guest', 'enabled'],
    guestArg: 'guest',
    result: Guest,
    failures: ['guest-not-found', 'guest-wrong-state', ...hostFailures],
    timeoutMs: 60_000,
    example: 'guest autostart venti yes',
  }),
  'guest.definition': verb({
    summary: 'Show the definition of a guest, as the hypervisor keeps it.',
    risk: 'read',
    args: oneGuest,
    positional: ['guest'],
    guestArg: 'guest',
    result: z
      .strictObject({
        name: z.string().meta({ title: 'Name' }),
        definition: z.string().meta({ title: 'Definition', multiline: true }),
      })
      .meta({ line: '{definition}' }),
    failures: ['guest-not-found', ...hostFailures],
    timeoutMs: 10_000,
    example: 'guest definition venti',
  }),
  'guest.exec': verb({
    summary: 'Run a program inside a guest that runs, wait for its end, and show what it wrote.',
    details:
      'It runs as the administrator of the guest: whoever may use this holds the guest. The words are the program and its arguments, and no shell reads them; write `sh -c "…"` for one. QEMU needs its guest agent in the guest.',
    risk: 'destroy',
    args: oneGuest.extend({
      command: z
        .array(z.string().min(1).max(4096))
        .min(1)
        .max(64)
        .meta({ title: 'Command', description: 'The program, by a path or a name, and its arguments: one a line.' }),
      limitS: z
        .int()
        .min(1)
        .max(300)
        .default(30)
        .meta({ title: 'Time limit', unit: 's', description: 'A program that takes longer is ended where it can be.' }),
    }),
    positional: ['guest', 'command'],
    guestArg: 'guest',
    result: ProgramResult,
    failures: [
      'guest-not-found',
      'guest-wrong-state',
      'guest-agent-silent',
      'program-failed',
      'program-late',
      ...hostFailures,
    ],
    timeoutMs: 320_000,
    example: 'guest exec venti uname -a',
  }),
  'guest.stats': verb({
    summary: 'Show what a guest uses: CPU time, memory, disk and network bytes.',
    risk: 'read',
    args: oneGuest,
    positional: ['guest'],
    guestArg: 'guest',
    result: GuestStats,
    failures: ['guest-not-found', ...hostFailures],
    timeoutMs: 10_000,
    example: 'guest stats venti',
  }),
};
