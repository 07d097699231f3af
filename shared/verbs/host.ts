import { z } from 'zod';
import { Finding, Host, HostHealth } from '#shared/model/host.ts';
import { NetworkName } from '#shared/model/network.ts';
import { ProbeKind, ProbeLook } from '#shared/model/probe.ts';
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
  'host.probe': verb({
    summary: 'Look once at what a chain could wait for, from a host.',
    details:
      'The target of tcp is HOST:PORT or tcp!HOST!PORT, of http a URL, of dns a name, of nbd nbd://HOST:PORT/EXPORT, of state, agent and console a guest, of command a name in the configuration of the host. It answers whether the look was good, and never what was read. A guest is looked at only by who may use guest info on it, its console by who may use console read.',
    risk: 'read',
    args: z.strictObject({
      kind: ProbeKind.meta({ title: 'Kind' }),
      target: z.string().min(1).max(1023).meta({ title: 'Target' }),
      status: z.int().min(100).max(599).optional().meta({ title: 'Status', description: 'Of http; 200 unless given.' }),
      pattern: z.string().min(1).max(500).optional().meta({
        title: 'Pattern',
        description: 'A regular expression, for the body of http, and for a line of a console.',
      }),
      insecure: z.boolean().default(false).meta({ title: 'Insecure', description: 'Take any certificate.' }),
      network: NetworkName.optional().meta({
        title: 'Network',
        description: 'Of tcp, http, dns and nbd: look from this network, and not from the host itself.',
      }),
    }),
    positional: ['kind', 'target'],
    result: ProbeLook,
    failures: [],
    timeoutMs: 10_000,
    example: 'host probe tcp venti:17034',
  }),
};
