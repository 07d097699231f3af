import { z } from 'zod';

/** A machine's name: one DNS label, since it is also the localpart of the host's account (RFC 1123, RFC 7622). */
export const HostName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'use 1 to 63 of a-z 0-9 -, not at either end')
  .meta({ title: 'Host', description: 'Name of the host.', choices: 'host' });

export const Host = z
  .strictObject({
    name: z.string().meta({ title: 'Name' }),
    state: z.enum(['up', 'degraded', 'unreachable']).meta({
      title: 'State',
      description:
        'degraded: the hypervisor does not answer. unreachable: the agent does not; its guests may run all the same.',
    }),
    since: z.string().optional().meta({ title: 'Since', description: 'When it was heard last. RFC 3339.' }),
    guests: z.int().nonnegative().meta({ title: 'Guests' }),
    running: z.int().nonnegative().meta({ title: 'Running' }),
    cpus: z.int().nonnegative().meta({ title: 'CPUs' }),
    memoryMiB: z.int().nonnegative().meta({ title: 'Memory', unit: 'MiB' }),
    driver: z.string().meta({ title: 'Driver' }),
    hypervisor: z.string().meta({ title: 'Hypervisor', description: 'Name and version.' }),
    uri: z.string().meta({ title: 'Connection URI' }),
    cpuModel: z.string().optional().meta({ title: 'CPU model' }),
    kernel: z.string().optional().meta({ title: 'Kernel' }),
    version: z.string().meta({ title: 'Skerry version' }),
    tags: z.array(z.string()).optional().meta({ title: 'Tags' }),
  })
  .meta({
    line: '{name} · {state} · {running} of {guests} guests running · {cpus} CPUs · {memoryMiB} MiB',
    columns: ['name', 'state', 'guests', 'running', 'cpus', 'memoryMiB', 'hypervisor'],
  });
export type Host = z.infer<typeof Host>;

export const HostHealth = z
  .strictObject({
    name: z.string().meta({ title: 'Name' }),
    at: z.string().meta({ title: 'At', description: 'RFC 3339.' }),
    load1: z.number().nonnegative().meta({ title: 'Load, 1 min' }),
    load5: z.number().nonnegative().meta({ title: 'Load, 5 min' }),
    load15: z.number().nonnegative().meta({ title: 'Load, 15 min' }),
    cpuBusyPercent: z.number().min(0).max(100).optional().meta({ title: 'CPU busy', unit: '%' }),
    memoryMiB: z.int().nonnegative().meta({ title: 'Memory', unit: 'MiB' }),
    memoryAvailableMiB: z.int().nonnegative().meta({ title: 'Memory available', unit: 'MiB' }),
    swapUsedMiB: z.int().nonnegative().meta({ title: 'Swap used', unit: 'MiB' }),
    diskFreeMiB: z.int().nonnegative().meta({ title: 'State folder free', unit: 'MiB' }),
    uptimeS: z.int().nonnegative().meta({ title: 'Up for', unit: 's' }),
  })
  .meta({
    line: '{at} · load {load1} · {memoryAvailableMiB} of {memoryMiB} MiB available · {diskFreeMiB} MiB disk free',
  });
export type HostHealth = z.infer<typeof HostHealth>;

/** One finding of `host doctor`. */
export const Finding = z
  .strictObject({
    check: z.string().meta({ title: 'Check' }),
    verdict: z.enum(['ok', 'warning', 'wrong']).meta({ title: 'Verdict' }),
    found: z.string().meta({ title: 'Found' }),
    mend: z.string().optional().meta({ title: 'How to mend it' }),
  })
  .meta({ line: '{verdict} · {check}: {found} {mend}' });
export type Finding = z.infer<typeof Finding>;
