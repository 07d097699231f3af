import type { Duplex } from 'node:stream';
import type { HypervisorDriver } from '#agent/drivers/driver.ts';
import { GO, type Receiving } from '#agent/migration/receiving.ts';
import { openChannel } from '#agent/migration/tunnel.ts';
import { readLine } from '#agent/streams/line.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import type { Guest } from '#shared/model/guest.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import type { JobRunner } from '#shared/verb/job-runner.ts';
import type { Call } from '#shared/verb/request.ts';
import type { ArgsOf } from '#shared/verb/verb.ts';
import type { migrationVerbs } from '#shared/verbs/migration.ts';
import { able, fresh, type GuestDeps } from './ground.ts';

export interface MigrationDeps extends GuestDeps {
  receiving: Receiving;
  jobs: Pick<JobRunner, 'list' | 'cancel'>;
  /** The way to other hosts; TLS unless given. */
  open?: typeof openChannel;
}

/** Guests that are being sent, by their id: each resolves when nothing is done for it any more. */
type UnderWay = Map<string, Promise<void>>;

type SendArgs = ArgsOf<(typeof migrationVerbs)['guest.migrate']>;

const GO_MS_MAX = 60_000;
const LINE_BYTES_MAX = 4_096;
const JOBS_MAX = 1_000;

/** What this host does of a move: it offers and sends, or awaits and has it land. */
export function migrationHandlers(deps: MigrationDeps): Handlers<typeof migrationVerbs> {
  const { driver, inventory, receiving } = deps;
  const underWay: UnderWay = new Map();
  return {
    'guest.offer': async ({ guest: name }, call) => {
      requireCentral(call);
      const guest = await sendable(deps, name, call);
      const offer = await able(driver.offerGuest, deps, call.verb).call(driver, guest.uuid, call.signal);
      return { guest: name, uuid: guest.uuid, offer };
    },
    'guest.await': async ({ name, uuid, offer, key, move }, call) => {
      requireCentral(call);
      const taken = inventory.find(name);
      if (taken && taken.uuid !== uuid) throw new Failure('guest-exists', { guest: name, host: deps.host });
      return receiving.expect({ id: uuid, name, offer, move }, Buffer.from(key, 'hex'), call.signal);
    },
    'guest.migrate': async (args, call) => {
      requireCentral(call);
      return send(deps, underWay, args, call);
    },
    'guest.land': async ({ name, uuid, outcome, move }, call) => {
      requireCentral(call);
      await receiving.land(uuid, { move, outcome }, call.signal);
      await inventory.refresh(uuid, call.signal).catch(gone);
      return { name, outcome };
    },
    'guest.recall': async ({ name, uuid }, call) => {
      requireCentral(call);
      await callOffJobs(deps, name, uuid);
      await underWay.get(uuid);
      const recall = able<NonNullable<HypervisorDriver['recallGuest']>>(driver.recallGuest, deps, call.verb);
      const isHere = await recall.call(driver, uuid, call.signal).catch(gone);
      await inventory.refresh(uuid, call.signal).catch(gone);
      return { name, outcome: isHere ? ('stayed' as const) : ('came' as const) };
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

/**
 * Jobs that send this guest: once they have ended, none of them is begun again, whatever becomes of this agent. Where
 * another guest has its name by now, the jobs of that name are not its own.
 */
async function callOffJobs({ jobs, inventory }: MigrationDeps, name: string, uuid: string): Promise<void> {
  const namesake = inventory.find(name);
  if (namesake && namesake.uuid !== uuid) return;
  const own = jobs
    .list({ state: 'running', limit: JOBS_MAX })
    .filter(({ verb, target }) => verb === 'guest.migrate' && target === name);
  await Promise.all(own.map(({ id }) => jobs.cancel(id).catch(ended)));
}

const ended = (error: unknown): undefined => {
  if (error instanceof Failure && error.code === 'job-ended') return undefined;
  throw error;
};

/** Send it, and say so to the other host, where it runs from then on. One that has gone when this is begun again has come there. */
async function send(deps: MigrationDeps, underWay: UnderWay, args: SendArgs, call: Call): Promise<{ guest: string }> {
  const { guest: name, uuid } = args;
  const guest = call.resumed ? await ifThere(sendable(deps, name, call)) : await sendable(deps, name, call);
  const isThere = guest?.uuid === uuid;
  if (!isThere && call.resumed) return { guest: name };
  if (!isThere) throw new Failure('guest-not-found', { guest: name, host: deps.host });
  if (underWay.has(guest.uuid))
    throw new Failure('migration-failed', { guest: name, problem: 'it is being sent already' });
  const sent = sentAway(deps, guest, args, call);
  const over = sent.then(
    () => {},
    () => {},
  );
  underWay.set(guest.uuid, over);
  void over.then(() => underWay.delete(guest.uuid));
  await sent;
  return { guest: name };
}

async function sentAway(deps: MigrationDeps, { uuid }: Guest, args: SendArgs, call: Call): Promise<void> {
  const { driver, inventory, log, open = openChannel } = deps;
  const { guest: name, to, address, port, told } = args;
  const way = { host: to, address, port, key: Buffer.from(args.key, 'hex') };
  const migrate = able<NonNullable<HypervisorDriver['migrateGuest']>>(driver.migrateGuest, deps, call.verb);
  const left = await migrate.call(driver, uuid, { told, open: (channel) => open(way, channel) }, call);
  call.progress(`it has come to ${to}`, 100);
  try {
    await go(open(way, GO), to);
    await left.remove();
  } catch (error) {
    // Central has it run there; what is left here stays.
    log.warn({ guest: name, err: error }, 'the other host has the guest, and did not say that it runs');
  }
  await inventory.refresh(uuid, AbortSignal.timeout(GO_MS_MAX)).catch(gone);
}

const ifThere = (guest: Promise<Guest>): Promise<Guest | undefined> => guest.catch(gone);

/** @throws Failure host-unreachable: what the other host says */
async function go(opened: Promise<Duplex>, host: string): Promise<void> {
  const stream = await opened;
  try {
    const answer = await readLine(stream, LINE_BYTES_MAX, AbortSignal.timeout(GO_MS_MAX));
    if (answer !== 'ok') throw new Failure('host-unreachable', { host, problem: answer.replace(/\.$/, '') });
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure('host-unreachable', { host, problem: messageOf(error) }, { cause: error });
  } finally {
    stream.destroy();
  }
}
