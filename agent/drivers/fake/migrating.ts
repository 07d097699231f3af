import { z } from 'zod';
import type { Migrating } from '#agent/drivers/migration.ts';
import { readLine } from '#agent/streams/line.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import { isActive } from '#shared/model/guest.ts';
import { FakeDefinition } from './definition.ts';
import { ACTIVE, type Ground, requireState } from './ground.ts';
import type { FakeGuest } from './guest.ts';

const CHANNEL = 'guest';
const RECORD_BYTES_MAX = 1_048_576;
const ANSWER_MS_MAX = 60_000;

/** What is sent of a guest: all that it is while it runs. */
const Sent = z.strictObject({
  definition: FakeDefinition,
  autostart: z.boolean(),
  startedAtMs: z.number().optional(),
  live: z.looseObject({ vcpus: z.number(), memoryMiB: z.number() }).optional(),
});

const Offer = z.strictObject({ hypervisor: z.literal('fake'), runs: z.boolean() });

/** Guests that move from one world to another: all of one goes by one channel, in one line, and is answered by one. */
export function migrating(ground: Ground): Migrating {
  const { world, host, found, change, read } = ground;
  return {
    offerGuest: (id, signal) =>
      read(signal, () => {
        const guest = found(id);
        requireState(guest, 'guest.migrate', ACTIVE);
        return JSON.stringify({ hypervisor: 'fake', runs: guest.record.state !== 'paused' });
      }),
    awaitGuest: ({ id, name, offer, move }, signal) =>
      read(signal, () => {
        const { runs } = offerOf(offer, name, host);
        const namesake = world.named(name);
        const twin = world.find(id);
        if (twin?.record.arriving) world.remove(twin);
        else if (namesake || twin) throw new Failure('guest-exists', { guest: name, host });
        const accept = async (text: string): Promise<void> => {
          const { definition, live, ...rest } = Sent.parse(JSON.parse(text));
          const arriving = { runs, move };
          const own = { ...rest, ...(live ? { live } : {}), id, definition: { ...definition, id }, arriving };
          await change(signal, () =>
            world.arrive({ ...own, state: 'paused', reason: 'migrating' } as FakeGuest['record']),
          );
        };
        return {
          told: '',
          accept: (channel, stream) => {
            if (channel !== CHANNEL) return void stream.destroy();
            void readLine(stream, RECORD_BYTES_MAX, AbortSignal.timeout(ANSWER_MS_MAX))
              .then(accept)
              .then(
                () => stream.end('ok\n'),
                (error: unknown) => stream.end(`${messageOf(error)}\n`),
              );
          },
        };
      }),
    migrateGuest: async (id, to, { signal, progress }) => {
      const guest = await read(signal, () => found(id));
      requireState(guest, 'guest.migrate', ACTIVE);
      progress('sending its memory', 0);
      await change(signal, () => {});
      try {
        await sent(guest, await to.open(CHANNEL));
      } catch (error) {
        const problem = messageOf(error).replace(/\.$/, '');
        throw new Failure('migration-failed', { guest: guest.record.definition.name, problem }, { cause: error });
      }
      if (world.find(id) === guest) world.remove(guest);
      return { remove: async () => {} };
    },
    recallGuest: (id, signal) => change(signal, () => world.find(id) !== undefined),
    landGuest: (id, { move, outcome }, signal) =>
      change(signal, () => {
        const guest = outcome === 'came' ? found(id) : world.find(id);
        if (guest?.record.arriving?.move === move) land(ground, guest, outcome);
      }),
  };
}

function land({ world }: Ground, guest: FakeGuest, outcome: 'came' | 'stayed'): void {
  const { record } = guest;
  if (outcome === 'stayed') {
    if (record.state === 'running')
      throw new Failure('guest-wrong-state', {
        ...{ guest: record.definition.name, state: record.state, needed: 'paused', verb: 'guest.land' },
      });
    world.remove(guest);
    return;
  }
  const runs = record.arriving?.runs;
  delete record.arriving;
  if (runs && record.state === 'paused') guest.resume();
  else world.changed('land', guest, { what: 'changed', detail: 'Migrated' });
}

async function sent(
  { record }: FakeGuest,
  stream: Awaited<ReturnType<Parameters<Migrating['migrateGuest']>[1]['open']>>,
) {
  try {
    const { definition, autostart, startedAtMs, live } = record;
    const text = JSON.stringify({ definition, autostart, startedAtMs, live });
    if (!isActive(record.state)) throw new Error('it went off on its way');
    stream.write(`${text}\n`);
    const answer = await readLine(stream, RECORD_BYTES_MAX, AbortSignal.timeout(ANSWER_MS_MAX));
    if (answer !== 'ok') throw new Error(answer);
  } finally {
    stream.destroy();
  }
}

function offerOf(text: string, guest: string, to: string): z.infer<typeof Offer> {
  try {
    return Offer.parse(JSON.parse(text));
  } catch (error) {
    const problem = 'it is of another hypervisor';
    throw new Failure('migration-unfit', { guest, to, problem }, { cause: error });
  }
}
