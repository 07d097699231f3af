import { z } from 'zod';
import type { FailureCode } from '#shared/errors.ts';
import { Address } from '#shared/model/address.ts';
import { HostName } from '#shared/model/host.ts';
import { CLIENTS_MAX, ExportPort, Volume, VolumeInUse, VolumeName } from '#shared/model/volume.ts';
import { verb } from '#shared/verb/verb.ts';

const volume = VolumeName;
const force = z.boolean().default(false).meta({
  title: 'Force',
  description: 'Also while clients use it: they are cut off, and may lose what they have not written.',
});
const looking: readonly FailureCode[] = ['volume-folder', 'host-command', 'host-output', 'host-timeout'];
const changing: readonly FailureCode[] = [...looking, 'volume-not-found', 'volume-in-use', 'volume-export'];

/** What an agent answers of the volumes on its host. */
export const volumeVerbs = {
  'volume.list': verb({
    summary: 'List the volumes of this host, and how they are exported.',
    risk: 'read',
    args: z.strictObject({}),
    positional: [],
    result: z.array(Volume),
    failures: looking,
    timeoutMs: 60_000,
    example: 'volume list',
  }),
  'volume.info': verb({
    summary: 'Show a volume, how it is exported, and who uses that now.',
    risk: 'read',
    args: z.strictObject({ volume }),
    positional: ['volume'],
    result: VolumeInUse,
    failures: [...looking, 'volume-not-found'],
    timeoutMs: 30_000,
    example: 'volume info root.qcow2',
  }),
  'volume.export': verb({
    summary: 'Serve a volume to others by NBD, until it is said to be over.',
    details:
      'It has a server of its own, which the host keeps up over restarts of the agent and of the host itself. One that is exported so already is left as it is; to export it in another way is refused while clients use it. NBD asks nobody who he is: whoever reaches the address may read it, and write it where it is writable.',
    risk: 'change',
    args: z.strictObject({
      volume,
      writable: z.boolean().default(false).meta({ title: 'Writable', description: 'Clients may write too.' }),
      address: Address.optional().meta({
        title: 'Address',
        description: 'One that the configuration of the host names; the first of them unless given.',
      }),
      port: ExportPort.optional().meta({
        title: 'Port',
        description:
          'One that the configuration of the host names; the one it had, or the first that is free, unless given.',
      }),
      clients: z
        .int()
        .min(1)
        .max(CLIENTS_MAX)
        .optional()
        .meta({ title: 'Clients', description: 'How many may use it at once: 1 where it is writable, else 16.' }),
      force,
    }),
    positional: ['volume'],
    result: Volume,
    failures: [...changing, 'host-space'],
    timeoutMs: 60_000,
    example: 'volume export root.qcow2 port=10810',
  }),
  'volume.unexport': verb({
    summary: 'Serve a volume no more.',
    details: 'It is refused while clients use it. One that is not exported is left as it is.',
    risk: 'change',
    args: z.strictObject({ volume, force }),
    positional: ['volume'],
    result: Volume,
    failures: [...changing, 'host-space'],
    timeoutMs: 60_000,
    example: 'volume unexport root.qcow2',
  }),
};

const { 'volume.list': list, 'volume.info': info, 'volume.export': expose, 'volume.unexport': withdraw } = volumeVerbs;
const at = { hostArg: 'host' } as const;
const host = HostName;

/** The same as central answers them: the host is an argument. */
export const siteVolumeVerbs = {
  'volume.list': verb({
    summary: 'List the volumes of a host, and how they are exported.',
    risk: list.risk,
    args: z.strictObject({ host }),
    positional: ['host'],
    hostArg: 'host',
    result: list.result,
    failures: [...list.failures, 'host-not-found'],
    timeoutMs: list.timeoutMs,
    example: 'volume list host1',
  }),
  'volume.info': verb({
    ...info,
    ...at,
    args: info.args.extend({ host }),
    positional: ['host', 'volume'],
    failures: [...info.failures, 'host-not-found'],
    example: 'volume info host1 root.qcow2',
  }),
  'volume.export': verb({
    ...expose,
    ...at,
    args: expose.args.extend({ host }),
    positional: ['host', 'volume'],
    failures: [...expose.failures, 'host-not-found'],
    example: 'volume export host1 root.qcow2 port=10810',
  }),
  'volume.unexport': verb({
    ...withdraw,
    ...at,
    args: withdraw.args.extend({ host }),
    positional: ['host', 'volume'],
    failures: [...withdraw.failures, 'host-not-found'],
    example: 'volume unexport host1 root.qcow2',
  }),
};
