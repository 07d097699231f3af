import { z } from 'zod';
import { Address } from './address.ts';
import { PARAMETERS_MAX, ParameterName, ParameterValue } from './boot-parameter.ts';
import { Ready } from './chain-ready.ts';
import { Duration, Timeout } from './duration.ts';
import { HostName } from './host.ts';
import { CLIENTS_MAX, ExportPort, VolumeName } from './volume.ts';

export const NodeKind = z.enum(['guest', 'host', 'network', 'router', 'export', 'check', 'group']);
export type NodeKind = z.infer<typeof NodeKind>;

export const NodeName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'use 1 to 63 of A-Z a-z 0-9 . _ -, and begin with a letter or digit');

/** Text in one line: it goes into messages, definitions and kernel command lines. */
const line = (most: number) =>
  z
    .string()
    .max(most)
    .regex(/^\P{Cc}*$/u, 'write one line, with no control characters');

const Dependency = z
  .union(
    [
      NodeName.transform((name) => ({ name, until: 'ready' as const, need: 'hard' as const })),
      z.strictObject({
        name: NodeName.meta({ description: 'The node that is waited for.' }),
        until: z
          .enum(['ready', 'started'])
          .default('ready')
          .meta({ description: 'started: it is enough that it is up; ready: it has to answer as well.' }),
        need: z
          .enum(['hard', 'soft'])
          .default('hard')
          .meta({ description: 'hard: no start without it; soft: it is waited for until it is up or has failed.' }),
      }),
    ],
    { error: 'name a node, or give a map with name, and until or need' },
  )
  .meta({ title: 'Dependency' });
export type Dependency = z.infer<typeof Dependency>;

const Retries = z
  .union(
    [
      z
        .int()
        .min(0)
        .max(100)
        .transform((count) => ({ count, delayMs: 5_000, factor: 2, mostMs: 300_000 })),
      z
        .strictObject({
          count: z.int().min(0).max(100).meta({ description: 'How often it is tried again.' }),
          delay: Duration.prefault('5s').meta({ description: 'Before the first one more.' }),
          factor: z.number().min(1).max(10).default(2).meta({ description: 'The delay grows by this each time.' }),
          most: Duration.prefault('5m').meta({ description: 'The longest delay.' }),
        })
        .transform(({ count, delay, factor, most }) => ({ count, delayMs: delay, factor, mostMs: most })),
    ],
    { error: 'give a count from 0 to 100, or a map with count, and delay, factor or most' },
  )
  .prefault(0)
  .meta({ description: 'How often its start is tried again when it went wrong, a count or a group.' });

const Stop = z
  .strictObject({
    how: z.enum(['shutdown', 'force']).default('shutdown').meta({ description: 'Ask it, or take its power.' }),
    timeout: Timeout.prefault('60s').meta({ description: 'How long it may take.' }),
    // biome-ignore lint/suspicious/noThenProperty: it is the word of the file; the model says andThen.
    then: z.enum(['force', 'fail']).optional().meta({
      description:
        'What is done when it did not stop; force unless said, and fail for an export: clients use it still.',
    }),
  })
  .prefault({})
  .meta({ description: 'How it is stopped.' });

/** How an export is served. */
const ExportKey = z
  .strictObject({
    volume: VolumeName.optional().meta({ description: 'The volume; by default the name of the node.' }),
    writable: z.boolean().default(false).meta({ description: 'Clients may write too.' }),
    address: Address.optional().meta({
      description: 'Where it listens; by default the first address that its host allows.',
    }),
    port: ExportPort.optional().meta({ description: 'By default the first that is free.' }),
    clients: z.int().min(1).max(CLIENTS_MAX).optional().meta({
      description: 'How many may use it at once; by default 1 where it is writable, else 16.',
    }),
  })
  .optional()
  .meta({ description: 'For an export: what is served, and how.' });

/** How often a node that was lost is started again, and what becomes of those that need it. */
const Keep = z
  .union(
    [
      z.boolean().transform((isKept) => (isKept ? { most: 5, withinMs: 600_000, bounce: 'none' as const } : undefined)),
      z
        .strictObject({
          most: z.int().min(1).max(1_000).default(5).meta({ description: 'Losses that are made good.' }),
          within: Duration.prefault('10m').meta({ description: 'The time that they are counted over.' }),
          bounce: z.enum(['none', 'dependents']).default('none').meta({
            description: 'dependents: what needs it is stopped, and started again after it.',
          }),
        })
        .transform(({ most, within, bounce }) => ({ most, withinMs: within, bounce })),
    ],
    { error: 'say true or false, or give a map with most, within or bounce' },
  )
  .optional()
  .meta({ description: 'Start it again when it is lost after the chain is up.' });

export const ChainNode = z
  .strictObject({
    kind: NodeKind.default('guest').meta({ description: 'What it is.' }),
    guest: line(255)
      .min(1)
      .optional()
      .meta({ description: 'Its name at the hypervisor; by default the name of the node.' }),
    host: HostName.optional().meta({ description: 'Where it is.' }),
    tags: z
      .array(line(64).min(1))
      .max(32)
      .default([])
      .meta({ description: 'Where it has to be: on a host with all of these tags.' }),
    after: z
      .array(Dependency)
      .max(10_000)
      .default([])
      .meta({ description: 'What it waits for: names of nodes, or maps with more.' }),
    ready: Ready.optional().meta({ description: 'What ready means; by default that it is up.' }),
    timeout: Timeout.prefault('2m').meta({ description: 'From its start until it is ready.' }),
    retries: Retries,
    delay: Duration.prefault('0s').meta({ description: 'A pause after the last thing it waited for.' }),
    'on-failure': z.enum(['halt', 'continue', 'rollback']).default('halt').meta({
      description:
        'What its failure does to the run: halt, nothing more is started; continue, only what needs it is not; rollback, what the run did is undone.',
    }),
    stop: Stop,
    export: ExportKey,
    params: z
      .record(ParameterName, ParameterValue)
      .refine(
        (params) => Object.keys(params).length <= PARAMETERS_MAX,
        `a guest takes at most ${PARAMETERS_MAX} parameters`,
      )
      .default({})
      .meta({ description: 'Boot parameters of the guest, names and values.' }),
    hold: z.boolean().default(false).meta({ description: 'Wait before its start until somebody releases it.' }),
    keep: Keep,
    power: z.boolean().default(false).meta({ description: 'For a host: it may be switched on and off.' }),
    members: z.array(NodeName).max(100_000).default([]).meta({ description: 'For a group: its nodes.' }),
    'at-once': z
      .int()
      .min(1)
      .max(100_000)
      .optional()
      .meta({ description: 'For a group: how many of its nodes start at once.' }),
  })
  .transform(({ timeout, delay, stop, 'on-failure': onFailure, 'at-once': atOnce, ...node }) => ({
    ...node,
    stop: {
      how: stop.how,
      timeoutMs: stop.timeout,
      andThen: stop.then ?? (node.kind === 'export' ? ('fail' as const) : ('force' as const)),
    },
    timeoutMs: timeout,
    delayMs: delay,
    onFailure,
    atOnce,
  }));
export type ChainNode = z.infer<typeof ChainNode>;

/** A chain as a file says it; times are read as milliseconds. What names mean is checked in shared/chain/chain-names.ts. */
export const Chain = z
  .strictObject({
    chain: NodeName.meta({ description: 'The name of the chain.' }),
    title: line(200).optional().meta({ description: 'What it is for, in a line.' }),
    autostart: z.boolean().default(false).meta({ description: 'Bring it up when central, a host or the site starts.' }),
    nodes: z
      .record(NodeName, ChainNode)
      .refine((nodes) => Object.keys(nodes).length > 0, 'a chain has at least one node')
      .meta({ description: 'Its nodes, by name.' }),
  })
  .meta({ title: 'A boot chain of Skerry' });
export type Chain = z.infer<typeof Chain>;

/** The JSON Schema of a chain file: for editors with its parts named, `inline` with each where it is used. */
export const chainJsonSchema = (reused: 'ref' | 'inline' = 'ref'): unknown =>
  z.toJSONSchema(Chain, { io: 'input', reused });
