import type { HypervisorDriver } from '#agent/drivers/driver.ts';
import { GO, type Receiving } from '#agent/migration/receiving.ts';
import { openChannel } from '#agent/migration/tunnel.ts';
import { readLine } from '#agent/streams/line.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import type { Guest } from '#shared/model/guest.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import type { Call } from '#shared/verb/request.ts';
import type { ArgsOf } from '#shared/verb/verb.ts';
import type { migrationVerbs } from '#shared/verbs/migration.ts';
import { able, fresh, type GuestDeps } from './ground.ts';

export interface MigrationDeps extends GuestDeps {
  receiving: Receiving;
}

type SendArgs = ArgsOf<(typeof migrationVerbs)['guest.migrate']>;

const GO_MS_MAX = 60_000;
const LINE_BYTES_MAX = 4_096;

/** What this host does of a move: it offers and sends, or awaits and has it land. */
export function migrationHandlers(deps: MigrationDeps): Handlers<typeof migrationVerbs> {
  const { driver, inventory, receiving } = deps;
  return {
    'guest.offer': async ({ guest: name }, call) => {
      requireCentral(call);
      const guest = await sendable(deps, name, call);
      const offer = await able(driver.offerGuest, deps, call.verb).call(driver, guest.uuid, call.signal);
      return { guest: name, uuid: guest.uuid, offer };
    },
    'guest.await': async ({ name, uuid, offer, key }, call) => {
      requireCentral(call);
      const taken = inventory.find(name);
      if (taken && taken.uuid !== uuid) throw new Failure('guest-exists', { guest: name, host: deps.host });
      return receiving.expect({ id: uuid, name, offer }, Buffer.from(key, 'hex'), call.signal);
    },
    'guest.migrate': async (args, call) => {
      requireCentral(call);
      return send(deps, args, call);
    },
    'guest.land': async ({ name, uuid, outcome }, call) => {
      requireCentral(call);
      await receiving.land(uuid, outcome, call.signal);
      await inventory.refresh(uuid, call.signal).catch(gone);
      return { name, outcome };
    },
  };
}

const gone = (error: unknown): undefined => {
  if (error instanceof Failure && error.code === 'guest-not-found') return undefined;
  throw error;
};

/** Whoever has a guest sent to an address, or awaited, could have it sent to themselves: central alone says which hosts there are. */
function requireCentral({ requester, verb }: Call): void {
  if (requester.behalfOf === undefined)
    throw new Failure('not-permitted', {
      requester: requester.bareJid,
      verb: `${verb} but by guest migrate at central`,
    });
}

/** As the hypervisor has it now. @throws Failure guest-not-found, guest-wrong-state */
async function sendable(deps: GuestDeps, name: string, call: Call): Promise<Guest> {
  const { uuid } = deps.inventory.guest(name);
  if (!(await deps.inventory.refresh(uuid, call.signal)))
    throw new Failure('guest-not-found', { guest: name, host: deps.host });
  return fresh(deps, name, ['running', 'blocked', 'paused'], { ...call, verb: 'guest.migrate' });
}

/** Send it, and say so to the other host, where it runs from then on. One that has gone when this is begun again has come there. */
async function send(deps: MigrationDeps, args: SendArgs, call: Call): Promise<{ guest: string }> {
  const { driver, inventory, log } = deps;
  const { guest: name, to, address, port, told } = args;
  const way = { host: to, address, port, key: Buffer.from(args.key, 'hex') };
  const guest = call.resumed ? await ifThere(sendable(deps, name, call)) : await sendable(deps, name, call);
  if (!guest) return { guest: name };
  const migrate = able<NonNullable<HypervisorDriver['migrateGuest']>>(driver.migrateGuest, deps, call.verb);
  const left = await migrate.call(driver, guest.uuid, { told, open: (channel) => openChannel(way, channel) }, call);
  call.progress(`it has come to ${to}`, 100);
  try {
    await go(way);
    await left.remove();
  } catch (error) {
    // Central has it run there; what is left here stays.
    log.warn({ guest: name, err: error }, 'the other host has the guest, and did not say that it runs');
  }
  await inventory.refresh(guest.uuid, AbortSignal.timeout(GO_MS_MAX)).catch(gone);
  return { guest: name };
}

const ifThere = (guest: Promise<Guest>): Promise<Guest | undefined> => guest.catch(gone);

/** @throws Failure guest-wrong-state, host-unreachable: what the other host says */
async function go(way: Parameters<typeof openChannel>[0]): Promise<void> {
  const stream = await openChannel(way, GO);
  try {
    const answer = await readLine(stream, LINE_BYTES_MAX, AbortSignal.timeout(GO_MS_MAX));
    if (answer !== 'ok') throw new Failure('host-unreachable', { host: way.host, problem: answer.replace(/\.$/, '') });
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure('host-unreachable', { host: way.host, problem: messageOf(error) }, { cause: error });
  } finally {
    stream.destroy();
  }
}
