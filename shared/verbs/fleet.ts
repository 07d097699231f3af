import { z } from 'zod';
import type { FailureCode } from '#shared/errors.ts';
import { Address } from '#shared/model/address.ts';
import { GuestName, GuestRef } from '#shared/model/guest.ts';
import { Finding, HostHealth, HostName } from '#shared/model/host.ts';
import { SiteGuestRecord, SiteHostRecord, TargetOutcome } from '#shared/model/site.ts';
import { verb } from '#shared/verb/verb.ts';
import { consoleVerbs } from './console.ts';
import { guestVerbs } from './guest.ts';
import { hostVerbs } from './host.ts';
import { makingVerbs } from './making.ts';
import { snapshotVerbs } from './snapshot.ts';

const where = z.array(z.string().min(1).max(255)).max(20).default([]).meta({
  title: 'Where',
  description:
    'host:NAME state:STATE driver:NAME tag:TAG name:NAME, of guests reason:REASON, with * for any run of characters; all have to hold.',
});
const limit = z.int().min(1).max(100_000).default(1_000).meta({ title: 'Limit' });
const from = z.int().nonnegative().default(0).meta({ title: 'From', description: 'Leave out so many at the start.' });
const host = HostName;
const hostFailures = ['host-not-found'] as const;

/** Verbs about hosts, as central answers them: the host is an argument. */
export const siteHostVerbs = {
  'host.list': verb({
    summary: 'List the hosts of the site.',
    risk: 'read',
    args: z.strictObject({ where }),
    positional: ['where'],
    result: z.array(SiteHostRecord),
    failures: [],
    timeoutMs: 10_000,
    example: 'host list state:unreachable',
  }),
  'host.info': verb({
    summary: 'Show what a host is and how it is.',
    risk: 'read',
    args: z.strictObject({ host }),
    positional: ['host'],
    hostArg: 'host',
    result: SiteHostRecord,
    failures: hostFailures,
    timeoutMs: 10_000,
    example: 'host info host1',
  }),
  'host.health': verb({
    summary: hostVerbs['host.health'].summary,
    risk: 'read',
    args: z.strictObject({ host, samples: hostVerbs['host.health'].args.shape.samples }),
    positional: ['host', 'samples'],
    hostArg: 'host',
    result: z.array(HostHealth),
    failures: hostFailures,
    timeoutMs: 20_000,
    example: 'host health host1 samples=5',
  }),
  'host.doctor': verb({
    summary: hostVerbs['host.doctor'].summary,
    risk: 'read',
    args: z.strictObject({ host }),
    positional: ['host'],
    hostArg: 'host',
    result: z.array(Finding),
    failures: hostFailures,
    timeoutMs: 60_000,
    example: 'host doctor host1',
  }),
  'host.probe': verb({
    ...hostVerbs['host.probe'],
    args: hostVerbs['host.probe'].args.extend({ host }),
    positional: ['host', 'kind', 'target'],
    hostArg: 'host',
    failures: [...hostFailures, 'network-not-found', 'network-stopped', 'network-host', 'addresses-spent'],
    timeoutMs: 60_000,
    example: 'host probe host1 tcp venti:17034',
  }),
};

/** Verbs about guests that central answers by itself, wherever the guest is. */
export const siteGuestVerbs = {
  'guest.list': verb({
    summary: 'List the guests of the site.',
    risk: 'read',
    args: z.strictObject({ where, ...guestVerbs['guest.list'].args.shape, limit, from }),
    positional: ['where'],
    result: z.array(SiteGuestRecord),
    failures: [],
    timeoutMs: 20_000,
    example: 'guest list host:host1 state:running tag:web',
  }),
  'guest.info': verb({
    summary: 'Show what a guest is, how it is, and where.',
    risk: 'read',
    args: z.strictObject({ guest: GuestRef }),
    positional: ['guest'],
    guestArg: 'guest',
    result: SiteGuestRecord,
    failures: ['guest-not-found'],
    timeoutMs: 10_000,
    example: 'guest info venti',
  }),
};

const { 'guest.list': _, 'guest.info': __, 'guest.define': define, 'guest.set': set, ...passedOn } = guestVerbs;
const { 'console.read': read, 'console.send': send } = consoleVerbs;

/** Verbs that central passes on to the agent of the host where the guest is. */
export const passedGuestVerbs = { ...passedOn, ...snapshotVerbs, 'console.read': read, 'console.send': send };

const { 'guest.create': create, 'guest.clone': clone } = makingVerbs;
const ip = z.array(Address).max(2).default([]).meta({
  title: 'Addresses',
  description: 'On a network, which is found by it: one of IPv4, or one of IPv6, or both.',
});
const networkFailures: readonly FailureCode[] = [
  'network-stopped',
  'address-outside',
  'address-taken',
  'addresses-spent',
  'network-host',
  'host-space',
];

/** What is changed of a guest at its host, and its addresses on networks, which central gives. */
export const settingVerbs = {
  'guest.set': verb({
    ...set,
    summary: 'Change the vCPUs, the memory, the title or the address of a guest, at once where it can be.',
    details: `${set.details} An address gives it an interface on the network that has it; where it has one, that address.`,
    args: set.args.extend({ ip }),
    result: z.array(
      set.result.element
        .extend({ problem: z.string().optional().meta({ title: 'Problem' }) })
        .meta({ line: '{setting} {value}, {holds} · {problem}' }),
    ),
    failures: [...set.failures, ...networkFailures],
    example: 'guest set venti memoryMiB=128 ip=10.99.0.12',
  }),
};

/** Verbs that central passes on to the agent of a host that is named. */
export const placedVerbs = {
  'guest.define': verb({
    ...define,
    summary: 'Define a guest on a host, from XML or from a few facts.',
    details: `${define.details} With an address it has an interface on the network that has it.`,
    args: define.args.extend({ host, name: GuestName.optional(), ip }),
    positional: ['name', 'host'],
    failures: [...define.failures, 'host-not-found', ...networkFailures],
    example: 'guest define web1 host=host1 vcpus=2 memoryMiB=512 disk=/srv/web1.qcow2 nic=bridge=br0',
    hostArg: 'host',
  }),
  'guest.create': verb({
    ...create,
    summary: 'Create a guest on a host, from an image that the host has.',
    details: `${create.details} With an address it has an interface on the network that has it; where that cannot be given, the guest stays without.`,
    args: create.args.extend({ host, ip }),
    positional: ['name', 'image', 'host', 'option'],
    failures: [...create.failures, 'host-not-found', 'job-failed', ...networkFailures],
    example: 'guest create web1 debian-12 host1 memoryMiB=512 ip=10.99.0.21',
    hostArg: 'host',
  }),
};

/** A guest is cloned where it is; the new one may have an address at once. */
export const cloningVerbs = {
  'guest.clone': verb({
    ...clone,
    details: `${clone.details} The clone has no interfaces of the original on networks of Skerry: give it an address of its own.`,
    args: clone.args.extend({ ip }),
    failures: [...clone.failures, 'job-failed', ...networkFailures],
    example: 'guest clone venti venti-test ip=10.99.0.13',
  }),
};

export const fleetVerbs = {
  'fleet.run': verb({
    summary: 'Carry a verb out on many guests at once.',
    details:
      'The guests are those that `where` selects and that you may use the verb on. So many at once as `parallel` says; the answer is a table with the outcome of each. It asks first where that verb may lose work or data, and then names the guests.',
    risk: 'destroy',
    riskArg: 'verb',
    args: z.strictObject({
      verb: z.string().max(64).meta({ title: 'Verb', description: 'Of a guest: guest.start.', choices: 'verb' }),
      where,
      args: z
        .array(z.string().max(1024))
        .max(20)
        .default([])
        .meta({ title: 'Arguments', description: 'NAME=VALUE, one a line, for each guest.' }),
      parallel: z.int().min(1).max(500).default(50).meta({ title: 'At once' }),
    }),
    positional: ['verb', 'where'],
    result: z.array(TargetOutcome),
    failures: ['verb-unknown'],
    timeoutMs: 600_000,
    example: 'fleet run guest.start host:host1 state:shutoff',
  }),
};
