import { z } from 'zod';
import { Address } from '#shared/model/address.ts';
import { Guest, GuestName, GuestRef } from '#shared/model/guest.ts';
import { HostName } from '#shared/model/host.ts';
import { verb } from '#shared/verb/verb.ts';

const uuid = z.string().max(64).meta({ title: 'UUID', description: 'Of the guest.' });
const offer = z.string().max(262_144).meta({
  title: 'Offer',
  multiline: true,
  description: 'What it needs, in the words of its driver.',
});
const way = {
  address: Address.meta({ title: 'Address', description: 'Where the target listens for it.' }),
  port: z.int().min(1).max(65_535).meta({ title: 'Port', description: 'The port there.' }),
  key: z
    .string()
    .regex(/^[0-9a-f]{64}$/, '64 hexadecimal digits are due')
    .meta({ title: 'Key', secret: true, description: 'The key of this one move.' }),
  told: z.string().max(65_536).meta({ title: 'Told', description: "What the target's driver tells the source's." }),
};
const move = z
  .string()
  .regex(/^[0-9a-f]{40}$/, '40 hexadecimal digits are due')
  .meta({
    title: 'Move',
    description: 'Which move it is: what is said of an earlier one does not count for a later one.',
  });
const outcome = z.enum(['came', 'stayed']).meta({
  title: 'Outcome',
  description: '`came`: the source has none of it any more. `stayed`: it is where it was.',
});
const BY_CENTRAL = 'A step of `guest migrate`, which central asks for; an agent obeys nobody else in it.';
const hostFailures = ['host-command', 'host-timeout'] as const;

/** A move of a guest from one host to another takes a day at most: terabytes by a slow link. */
const MOVE_MS_MAX = 86_400_000;

/** Live migration in the steps that one host does of it; `guest.migrate` at central puts them together. */
export const migrationVerbs = {
  'guest.offer': verb({
    summary: 'Tell what another host needs to have to take a guest.',
    details: BY_CENTRAL,
    risk: 'read',
    args: z.strictObject({ guest: GuestRef }),
    positional: ['guest'],
    guestArg: 'guest',
    result: z.strictObject({ guest: GuestName, uuid, offer }),
    failures: ['guest-not-found', 'guest-wrong-state', 'migration-unfit', ...hostFailures],
    timeoutMs: 30_000,
  }),
  'guest.await': verb({
    summary: 'Make ready to take a guest from another host: look at what it needs, make its disks, and listen.',
    details: BY_CENTRAL,
    risk: 'change',
    args: z.strictObject({
      name: GuestName,
      uuid,
      from: HostName,
      offer,
      key: way.key,
      move,
    }),
    positional: ['name'],
    guestArg: 'name',
    result: z.strictObject({ address: way.address, port: way.port, told: way.told }),
    failures: ['guest-exists', 'migration-unfit', 'host-space', ...hostFailures],
    timeoutMs: 120_000,
  }),
  'guest.migrate': verb({
    summary: 'Send a guest that runs to another host, which awaits it.',
    details: BY_CENTRAL,
    risk: 'change',
    job: true,
    args: z.strictObject({ guest: GuestRef, uuid, to: HostName, ...way }),
    positional: ['guest', 'to'],
    guestArg: 'guest',
    result: z.strictObject({ guest: GuestName }),
    failures: ['guest-not-found', 'guest-wrong-state', 'migration-failed', 'job-cancelled', ...hostFailures],
    timeoutMs: MOVE_MS_MAX,
  }),
  'guest.land': verb({
    summary: 'End what guest await began: have the guest run here, or remove what came of it.',
    details: BY_CENTRAL,
    risk: 'change',
    args: z.strictObject({ name: GuestName, uuid, outcome, move }),
    positional: ['name', 'outcome'],
    guestArg: 'name',
    result: z.strictObject({ name: GuestName, outcome }),
    failures: ['guest-not-found', 'guest-wrong-state', ...hostFailures],
    timeoutMs: 120_000,
  }),
  'guest.recall': verb({
    summary: 'Call off what guest migrate began, wait for its end, and tell whether the guest is still here.',
    details: BY_CENTRAL,
    risk: 'change',
    args: z.strictObject({ name: GuestName, uuid }),
    positional: ['name'],
    guestArg: 'name',
    result: z.strictObject({ name: GuestName, outcome }),
    failures: [...hostFailures],
    timeoutMs: 180_000,
  }),
};

/** A guest that moves, as central is asked for it. */
export const movingVerbs = {
  'guest.migrate': verb({
    summary: 'Move a guest that runs to another host, while it runs.',
    details:
      'It keeps its memory, connections, name, addresses and console; it stands still for a moment at the end. Disks that are files of its host are copied, and removed there when it has come; those on a file system that both hosts share stay where they are. Where anything goes wrong it runs on where it was.',
    risk: 'change',
    job: true,
    args: z.strictObject({
      guest: GuestRef,
      to: HostName.meta({ title: 'To', description: 'The host that it shall move to.', choices: 'host' }),
    }),
    positional: ['guest', 'to'],
    guestArg: 'guest',
    result: Guest,
    failures: [
      'guest-not-found',
      'host-not-found',
      'guest-exists',
      'guest-wrong-state',
      'migration-unfit',
      'migration-failed',
      'network-host',
      'host-space',
      'job-cancelled',
      'job-failed',
      'host-command',
      'host-timeout',
    ],
    // The host's own job ends first, so that it is known how it ended.
    timeoutMs: MOVE_MS_MAX + 3_600_000,
    example: 'guest migrate web1 to=host2',
  }),
};
