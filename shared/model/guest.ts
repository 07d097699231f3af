import { z } from 'zod';
import { ImageName } from './image.ts';

/** libvirt's virDomainState without `nostate`; every driver maps to these words. */
export const GuestState = z.enum(['running', 'blocked', 'paused', 'shutdown', 'shutoff', 'crashed', 'pmsuspended']);
export type GuestState = z.infer<typeof GuestState>;

/** States in which a guest has a process on its host. */
export const ACTIVE_STATES: ReadonlySet<GuestState> = new Set([
  'running',
  'blocked',
  'paused',
  'shutdown',
  'pmsuspended',
]);
export const isActive = (state: GuestState): boolean => ACTIVE_STATES.has(state);

/** Libvirt's reasons of a domain that is shut off although nobody asked it to. */
const CRASHES: ReadonlySet<string> = new Set(['crashed', 'failed', 'daemon']);
/** Whether it ended although nobody asked it to. */
export const hasCrashed = ({ state, reason }: { state: GuestState; reason?: string | undefined }): boolean =>
  state === 'crashed' || (state === 'shutoff' && CRASHES.has(reason ?? ''));

/** Whether a guest is in this state; `crashed` are all that ended unasked, in libvirt's state `shutoff` too. */
export const isInState = (guest: { state: GuestState; reason?: string | undefined }, state: GuestState): boolean =>
  guest.state === state || (state === 'crashed' && hasCrashed(guest));

/** A name for a new guest: safe as a path component and as a JID's localpart (RFC 7622 section 3.3). */
export const GuestName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'use 1 to 63 of a-z 0-9 . _ -, and begin with a letter or digit')
  .meta({ title: 'Name', description: 'Name of the new guest.' });

/** A guest that is there already: its name, as the hypervisor has it. Names that were given by others may hold blanks. */
export const GuestRef = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[^\p{Cc}\p{Cs}/]+$/u, 'a guest name has no control characters and no /')
  .meta({ title: 'Guest', description: 'Name of the guest.', choices: 'guest' });

/** A driver of a host: its kind (`libvirt`, `lxc`, `zones`, `fake`), or the name that the host gave it. */
export const DriverName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}$/, 'use 1 to 32 of a-z 0-9 -, and begin with a letter')
  .meta({ title: 'Driver', description: 'Of a host with several: which one.' });

export const Guest = z
  .strictObject({
    name: z.string().meta({ title: 'Name' }),
    state: GuestState.meta({ title: 'State' }),
    reason: z.string().optional().meta({ title: 'Reason', description: "Why it is in this state, in libvirt's word." }),
    host: z.string().meta({ title: 'Host' }),
    vcpus: z.int().nonnegative().meta({ title: 'vCPUs' }),
    memoryMiB: z.int().nonnegative().meta({ title: 'Memory', unit: 'MiB' }),
    addresses: z
      .array(z.string())
      .meta({ title: 'Addresses', description: 'As the guest agent or a lease tells them.' }),
    autostart: z.boolean().meta({ title: 'Autostart' }),
    persistent: z.boolean().meta({ title: 'Persistent', description: 'The definition outlives a stop.' }),
    title: z.string().optional().meta({ title: 'Title' }),
    uuid: z.string().meta({ title: 'UUID' }),
    driver: DriverName.optional().meta({
      title: 'Driver',
      description: 'What runs it: libvirt, lxc, zones, or as the host names it. An agent of before does not tell.',
    }),
  })
  .meta({
    line: '{name} · {state} · {vcpus} vCPU · {memoryMiB} MiB · {addresses} · {driver}',
    columns: ['name', 'state', 'host', 'driver', 'vcpus', 'memoryMiB', 'addresses', 'reason', 'autostart'],
  });
export type Guest = z.infer<typeof Guest>;

/** Whether nothing is known of the one that is not of the other; undefined is a guest that is not there. */
export function sameGuest(a: Guest | undefined, b: Guest | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]) as Set<keyof Guest>;
  return [...keys].every((key) =>
    key === 'addresses' ? a.addresses.join() === b.addresses.join() : a[key] === b[key],
  );
}

/** Figures of one guest since its start, or at this moment. Missing where the hypervisor does not tell. */
export const GuestStats = z
  .strictObject({
    name: z.string().meta({ title: 'Name' }),
    state: GuestState.meta({ title: 'State' }),
    cpuTimeS: z.number().nonnegative().optional().meta({ title: 'CPU time', unit: 's' }),
    memoryActualMiB: z.int().nonnegative().optional().meta({ title: 'Memory given', unit: 'MiB' }),
    memoryRssMiB: z.int().nonnegative().optional().meta({ title: 'Memory resident', unit: 'MiB' }),
    memoryAvailableMiB: z.int().nonnegative().optional().meta({ title: 'Memory available inside', unit: 'MiB' }),
    blockReadBytes: z.int().nonnegative().optional().meta({ title: 'Disks read', unit: 'bytes' }),
    blockWriteBytes: z.int().nonnegative().optional().meta({ title: 'Disks written', unit: 'bytes' }),
    netReceiveBytes: z.int().nonnegative().optional().meta({ title: 'Network received', unit: 'bytes' }),
    netTransmitBytes: z.int().nonnegative().optional().meta({ title: 'Network sent', unit: 'bytes' }),
  })
  .meta({ line: '{name} · {state} · {cpuTimeS} s CPU · {memoryRssMiB} MiB resident' });
export type GuestStats = z.infer<typeof GuestStats>;

/** What makes a new guest, where no XML is given. */
export const GuestForm = z.strictObject({
  name: GuestName,
  vcpus: z.int().min(1).max(512).default(1),
  memoryMiB: z.int().min(16).max(16_777_216).default(256),
  kernel: z.string().optional(),
  ramdisk: z.string().optional(),
  cmdline: z.string().optional(),
  disks: z.array(z.string()).default([]),
  nics: z.array(z.string()).default([]),
  title: z.string().optional(),
});
export type GuestForm = z.infer<typeof GuestForm>;

/** What makes a new guest from an image. `options`: what only the driver knows, as `brand` of zones. */
export const GuestRecipe = GuestForm.pick({
  name: true,
  vcpus: true,
  memoryMiB: true,
  nics: true,
  title: true,
}).extend({ image: ImageName, options: z.record(z.string(), z.string()).default({}) });
export type GuestRecipe = z.infer<typeof GuestRecipe>;
