import { z } from 'zod';
import { Address, isV6 } from './address.ts';

/** The port that NBD has at IANA. */
export const NBD_PORT = 10_809;
/** Of one export, at once. */
export const CLIENTS_MAX = 64;

/**
 * A volume is a file in its host's folder of volumes, and named as that is. How it is written is said by the end of its name: what guests write
 * into a raw volume may look like the head of another format, so nobody may guess.
 */
export const VolumeName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}\.(raw|img|qcow2)$/,
    'use 1 to 63 of A-Z a-z 0-9 . _ -, begin with a letter or digit, and end with .raw, .img or .qcow2',
  )
  .meta({ title: 'Volume', description: 'Name of the file in the folder of volumes of its host.' });
export type VolumeName = z.infer<typeof VolumeName>;

export type VolumeFormat = 'raw' | 'qcow2';
export const formatOf = (volume: VolumeName): VolumeFormat => (volume.endsWith('.qcow2') ? 'qcow2' : 'raw');

export const ExportPort = z.int().min(1).max(65_535);

/** How a volume is exported: an NBD server for it alone, at an address of its host. */
export const Export = z.strictObject({
  volume: VolumeName,
  address: Address,
  port: ExportPort,
  writable: z.boolean(),
  /** How many may use it at once. */
  clients: z.int().min(1).max(CLIENTS_MAX),
});
export type Export = z.infer<typeof Export>;

/** The same as its agent reports it. Without a problem it answers; `unseen`: the agent has begun, and not looked at it yet. */
export const ExportStanding = Export.extend({
  problem: z.string().max(1_000).optional(),
  unseen: z.literal(true).optional(),
});
export type ExportStanding = z.infer<typeof ExportStanding>;

/**
 * Where clients find an export.
 * Source: https://github.com/NetworkBlockDevice/nbd/blob/master/doc/uri.md
 */
export const uriOf = ({ volume, address, port }: Pick<Export, 'volume' | 'address' | 'port'>): string =>
  `nbd://${isV6(address) ? `[${address}]` : address}:${port}/${volume}`;

/** A volume, and how it is exported. */
export const Volume = z
  .strictObject({
    name: z.string().meta({ title: 'Name' }),
    format: z.enum(['raw', 'qcow2']).meta({ title: 'Format' }),
    sizeMiB: z.number().nonnegative().meta({ title: 'Size', unit: 'MiB' }),
    usedMiB: z.number().nonnegative().meta({ title: 'Used', unit: 'MiB' }),
    backing: z.string().optional().meta({ title: 'Backing', description: 'The image that it is written on top of.' }),
    state: z.enum(['idle', 'up', 'trouble']).meta({ title: 'Export', description: 'idle: it is not exported.' }),
    uri: z.string().optional().meta({ title: 'URI' }),
    writable: z.boolean().optional().meta({ title: 'Writable' }),
    problem: z.string().optional().meta({ title: 'Problem' }),
  })
  .meta({
    line: '{name} · {format} · {sizeMiB} · {state} · {uri} {problem}',
    columns: ['name', 'format', 'sizeMiB', 'usedMiB', 'state', 'uri'],
  });
export type Volume = z.infer<typeof Volume>;

/** The same of one, with who uses it now. */
export const VolumeInUse = Volume.extend({
  clients: z.array(z.string()).meta({ title: 'Clients', description: 'Where connections to its export come from.' }),
}).meta({ line: '{name} · {format} · {sizeMiB} · {state} · {uri} · clients {clients} {problem}' });
export type VolumeInUse = z.infer<typeof VolumeInUse>;
