/**
 * Responsibilities: move a guest that runs from one host to another, whatever happens on the way.
 *
 * Theory of operation: the move is written down (book.ts). The target's networks come first; then the source offers the guest, the target
 * awaits it, and the source sends it, as a job of its own. It arrives with its vCPUs stopped, and runs when the source has none of it any more:
 * the source tells the target so itself, and central says it once more. Each step is an operation whose id is made of the move's,
 * so that a job that goes on after a restart asks for the same again, and none of them has a second effect.
 *
 * What can go wrong: any step fails, is called off, or nobody knows how it ended, in this life of the job or in an earlier one. As soon as the source may have
 * begun to send, nothing is judged by how things look: the source is made to end what it does, and says where the guest is then (ending.ts).
 * While it is not heard, nothing is done. Where the target is not heard when the guest stayed, it is told in the background (left-moves.ts).
 */
import type { SiteGuest, SiteHost } from '#central/inventory/known-site.ts';
import { type Move, moveIdOf } from '#central/moving/book.ts';
import { type MovingNow, outcomeOf, sayCame, sayStayed } from '#central/moving/to-its-end.ts';
import { Failure } from '#shared/errors.ts';
import type { Guest } from '#shared/model/guest.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import type { Call } from '#shared/verb/request.ts';
import type { movingVerbs } from '#shared/verbs/migration.ts';
import { type MigrationDeps, sent } from './migration-sending.ts';
import { guestAnswer } from './passed.ts';
import { reportedGuest } from './reported.ts';
import { knownHost } from './site.ts';

export function migrationHandlers(deps: MigrationDeps): Handlers<typeof movingVerbs> {
  const { book, networks } = deps;
  return {
    'guest.migrate': async ({ guest, to }, call) => {
      const id = moveIdOf(call);
      const release = book.claim(id);
      let end = (): void => {};
      try {
        const kept = book.get(id);
        const move = kept ?? (await begun(deps, guest, to, call));
        end = networks.moves.begin(move.contact, to);
        const moving: MovingNow = { move, call, reach: kept ? 'sent' : 'begun' };
        await moved(deps, moving);
        return await answer(deps, moving.move);
      } finally {
        end();
        release();
      }
    },
  };
}

/** A move that begins. @throws Failure guest-not-found, host-not-found, host-unreachable, migration-unfit, not-permitted, guest-exists */
async function begun(deps: MigrationDeps, name: string, to: string, call: Call): Promise<Move> {
  const { site, book } = deps;
  const guest = site.guest(name);
  const target = knownHost(site, to);
  const source = site.hostsOf(guest.contact).find((host) => host !== to);
  const from = source === undefined ? undefined : site.findHost(source);
  if (!from) throw new Failure('migration-unfit', { guest: guest.contact, to, problem: 'it is there already' });
  for (const host of [from, target])
    if (host.reach !== 'heard' && !call.resumed)
      throw new Failure('host-unreachable', { host: host.name, problem: host.problem ?? 'it is not heard' });
  requireAllowed(deps, guest, target, call);
  const { operation, requester } = call;
  const known = { contact: guest.contact, name: guest.guest.name, uuid: guest.guest.uuid };
  const move = { id: moveIdOf(call), requester, operation, ...known, from: from.name, to };
  await book.begin(move);
  return move;
}

/** Whoever may have it moved may have it there too. @throws Failure not-permitted, guest-exists */
function requireAllowed({ may }: MigrationDeps, { contact, guest }: SiteGuest, to: SiteHost, call: Call): void {
  const { requester, verb } = call;
  if (!may(requester, verb, { guest: contact, host: to.name }))
    throw new Failure('not-permitted', { requester: requester.bareJid, verb: `${verb} ${contact} to=${to.name}` });
  const { name, uuid } = guest;
  if (to.known.guests.values().some((each) => each.name === name && each.uuid !== uuid))
    throw new Failure('guest-exists', { guest: name, host: to.name });
}

/** Carry it out, to its end. @throws Failure why the guest has not come */
async function moved(deps: MigrationDeps, moving: MovingNow): Promise<void> {
  const { move, call } = moving;
  if (move.toldAtMs !== undefined && move.outcome === 'came') return;
  if (move.outcome !== 'stayed') {
    const why = await failureToCome(deps, moving);
    if (why === undefined) return sayCame(deps, move, call);
    await sayStayed(deps, moving, why);
    throw why;
  }
  const why = move.why ? new Failure(move.why.code, move.why.details) : calledOff(move);
  if (move.toldAtMs === undefined) await sayStayed(deps, moving, why);
  throw why;
}

/** Why it stays; undefined: it has come. @throws the reason why that is not known now */
async function failureToCome(deps: MigrationDeps, moving: MovingNow): Promise<unknown> {
  try {
    await sent(deps, moving);
    return undefined;
  } catch (error) {
    // Central stops, and goes on with it when it is back.
    if (isForNow(deps, moving.call)) throw error;
    if ((await outcomeOf(deps, moving)) === 'came') return undefined;
    return isSuperseded(error) ? calledOff(moving.move) : error;
  }
}

const isSuperseded = (error: unknown): boolean => error instanceof Failure && error.code === 'operation-superseded';

/** An earlier life of the job had called it off. */
const calledOff = ({ contact }: Move): Failure =>
  new Failure('migration-failed', { guest: contact, problem: 'it was called off' });

/** Whether central stops, and goes on with it when it is back; else the job was cancelled, or its time is over. */
function isForNow({ stopping }: MigrationDeps, { signal }: Call): boolean {
  if (stopping.aborted) return true;
  if (!signal.aborted) return false;
  const { reason } = signal;
  const isOver = reason instanceof DOMException && reason.name === 'TimeoutError';
  return !isOver && !(reason instanceof Failure && reason.code === 'job-cancelled');
}

/** The guest, as its new host tells it; where that is late with it, as it was known last. @throws Failure host-unreachable */
async function answer({ site, stopping }: MigrationDeps, { contact, uuid, to }: Move): Promise<Guest> {
  const there = await reportedGuest(site, to, (each) => each.uuid === uuid, stopping).catch((error: unknown) => {
    const known = site.find(contact);
    if (!known) throw error;
    return known;
  });
  return { ...guestAnswer(site.find(there.contact) ?? there), host: to };
}
