import { z } from 'zod';
import { Finding, Host, HostHealth } from '#shared/model/host.ts';
import { verb } from '#shared/verb/verb.ts';

const noArgs = z.strictObject({});

export const hostVerbs = {
  'host.list': verb({
    summary: 'List the hosts that answer here.',
    risk: 'read',
    args: noArgs,
    positional: [],
    result: z.array(Host),
    failures: [],
    timeoutMs: 10_000,
    example: 'host list',
  }),
  'host.info': verb({
    summary: 'Show what a host is: CPUs, memory, hypervisor, versions.',
    risk: 'read',
    args: noArgs,
    positional: [],
    result: Host,
    failures: ['host-command', 'host-timeout'],
    timeoutMs: 10_000,
    example: 'host info',
  }),
  'host.health': verb({
    summary: 'Show how a host is, now and in the past hours.',
    risk: 'read',
    args: z.strictObject({
      samples: z
        .int()
        .min(1)
        .max(500)
        .default(1)
        .meta({ title: 'Samples', description: 'How many, the newest first.' }),
    }),
    positional: ['samples'],
    result: z.array(HostHealth),
    failures: [],
    timeoutMs: 10_000,
    example: 'host health samples=5',
  }),
  'host.doctor': verb({
    summary: 'Check a host, and say how to mend what is wrong.',
    risk: 'read',
    args: noArgs,
    positional: [],
    result: z.array(Finding),
    failures: [],
    timeoutMs: 60_000,
    example: 'host doctor',
  }),
};
