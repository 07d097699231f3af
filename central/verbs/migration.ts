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
import { createHmac } from 'node:crypto';
import type { SiteGuest, SiteHost } from '#central/inventory/known-site.ts';
import { type Move, moveIdOf, type Outcome } from '#central/moving/book.ts';
import { type EndingDeps, isFinalOfTarget, isForgotten, recalled, stepOf, told } from '#central/moving/ending.ts';
import type { Networks } from '#central/networks/networks.ts';
import { paused } from '#shared/clock.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import type { Guest } from '#shared/model/guest.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import type { May } from '#shared/verb/policy.ts';
import type { Call } from '#shared/verb/request.ts';
import type { ArgsOf, ResultOf } from '#shared/verb/verb.ts';
import { migrationVerbs, type movingVerbs } from '#shared/verbs/migration.ts';
import { type AgentJobDeps, carryOutJob } from './agent-job.ts';
import { guestAnswer } from './passed.ts';
import { reportedGuest } from './reported.ts';
import { knownHost } from './site.ts';

export interface MigrationDeps extends AgentJobDeps, EndingDeps {
  site: EndingDeps['site'];
  may: May;
  networks: Pick<Networks, 'state' | 'handing' | 'moves'>;
  /** Of which the key of each move is made. */
  secret: string;
}

/** How far a move may have come: what has to be taken back depends on it. */
type Reach = 'begun' | 'awaited' | 'sent';

interface Moving {
  move: Move;
  call: Call;
  reach: Reach;
}

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
        const moving: Moving = { move, call, reach: kept ? 'sent' : 'begun' };
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
async function moved(deps: MigrationDeps, moving: Moving): Promise<void> {
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
async function failureToCome(deps: MigrationDeps, moving: Moving): Promise<unknown> {
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

/** All steps, until the source says that it has sent it. @throws Failure why it has not, or why nobody knows */
async function sent(deps: MigrationDeps, moving: Moving): Promise<void> {
  const { move, call } = moving;
  const { name, uuid, from, to, id } = move;
  await networksReady(deps, moving);
  const offered = await asked(deps, from, 'guest.offer', { guest: name }, call);
  if (offered.uuid !== uuid) throw new Failure('guest-not-found', { guest: name, host: from });
  const key = keyOf(deps, call);
  const way = await awaited(deps, moving, { name, uuid, from, offer: offered.offer, key, move: id });
  moving.reach = 'sent';
  const row = migrationVerbs['guest.migrate'];
  const sending = { ...call, signal: brokenOffBy(call.signal) };
  await carryOutJob(deps, deps.site.host(from), 'guest.migrate', row, { guest: name, uuid, to, key, ...way }, sending);
}

/** A cancel of the job is not passed on as one, which might get lost: the source is made to end it when it is asked how it ended. */
function brokenOffBy(signal: AbortSignal): AbortSignal {
  const broken = new AbortController();
  const breakOff = (): void => broken.abort(new Error('the move is called off'));
  signal.addEventListener('abort', breakOff, { once: true });
  if (signal.aborted) breakOff();
  return broken.signal;
}

/** Where it shall be sent. */
async function awaited(
  deps: MigrationDeps,
  moving: Moving,
  coming: ArgsOf<(typeof migrationVerbs)['guest.await']>,
): Promise<ResultOf<(typeof migrationVerbs)['guest.await']>> {
  const { move, call, reach } = moving;
  if (reach === 'begun') moving.reach = 'awaited';
  try {
    return await asked(deps, move.to, 'guest.await', coming, call);
  } catch (error) {
    // It has said no: nothing is there that is to be taken back.
    const isRefused = error instanceof Failure && !SILENT.has(error.code) && !call.signal.aborted;
    if (isRefused) moving.reach = reach;
    throw error;
  }
}

/** Nobody can tell by them whether a host has done what it was asked. */
const SILENT: ReadonlySet<string> = new Set([
  'host-unreachable',
  'host-timeout',
  'host-command',
  'host-output',
  'verb-timeout',
  'too-busy',
  'operation-uncertain',
  'internal',
]);

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

/** A key of 256 bits that is the same when the same move is asked for again, and that nobody can work out who has not central's secret. */
const keyOf = ({ secret }: MigrationDeps, { operation, requester }: Call): string =>
  createHmac('sha256', secret).update(`skerry migration ${requester.bareJid} ${operation}`).digest('hex');

/** Have the target realise the networks that the guest is on, with its ports, before it comes. @throws Failure network-host */
async function networksReady({ networks, site, clock }: MigrationDeps, { move, call }: Moving): Promise<void> {
  const { contact, to } = move;
  const ports = [...networks.state.ports.values()].filter((port) => port.guest === contact);
  if (ports.length === 0) return;
  call.progress(`making its networks at ${to}`);
  while (call.resumed && site.findHost(to)?.reach !== 'heard') {
    await paused(clock, AGAIN_MS, call.signal);
    call.signal.throwIfAborted();
  }
  const [stand] = await networks.handing.settle([to]);
  const named = new Set(ports.flatMap(({ network, mac }) => [network, mac]));
  const trouble = stand?.troubles.find(({ what, name }) => what === 'host' || named.has(name));
  const problem = stand?.how === 'taken' ? trouble?.problem : (stand?.problem ?? 'it has not taken them');
  if (problem !== undefined) throw new Failure('network-host', { host: to, problem: problem.replace(/\.$/, '') });
}

type Step = 'guest.offer' | 'guest.await';

/** One step. A job that goes on after a restart waits for hosts that are not heard yet: much of it may be done. */
async function asked<S extends Step>(
  { ask, site, clock }: MigrationDeps,
  host: string,
  step: S,
  args: ArgsOf<(typeof migrationVerbs)[S]>,
  call: Call,
): Promise<ResultOf<(typeof migrationVerbs)[S]>> {
  const operation = stepOf(call.operation, step);
  for (;;) {
    try {
      const { value } = await ask(site.host(host), step, migrationVerbs[step], args, { ...call, operation });
      return value as ResultOf<(typeof migrationVerbs)[S]>;
    } catch (error) {
      if (!call.resumed || !(error instanceof Failure && UNHEARD.has(error.code))) throw error;
      call.progress(`waiting for ${host}`);
    }
    await paused(clock, AGAIN_MS, call.signal);
    call.signal.throwIfAborted();
  }
}

const UNHEARD: ReadonlySet<string> = new Set(['host-unreachable', 'operation-uncertain']);

const AGAIN_MS = 3_000;
/** So long a job waits for a target to hear that the guest stayed; after that it is told in the background. */
const STAYED_MS = 60_000;

/** Where the guest is: asked of the source, until it says so, if it may have begun to send. */
async function outcomeOf(deps: MigrationDeps, { move, call, reach }: Moving): Promise<Outcome> {
  if (reach !== 'sent') return 'stayed';
  for (;;) {
    try {
      return await recalled(deps, move);
    } catch (error) {
      if (isForgotten(error)) {
        await deps.book.forget(move.id).catch(() => {});
        throw error;
      }
      const why = messageOf(error).replace(/\.$/, '');
      call.progress(`${move.from} does not say where the guest is (${why}); what has come stands still until then`);
    }
    await againLater(deps);
  }
}

/** Whether the job was cancelled makes no difference any more: only that central stops. */
async function againLater({ clock, stopping }: MigrationDeps): Promise<void> {
  await paused(clock, AGAIN_MS, stopping);
  stopping.throwIfAborted();
}

/** Say to the target that it does not come, for a while; it is in the book until it has heard. @throws Failure guest-wrong-state */
async function sayStayed(deps: MigrationDeps, { move, reach }: Moving, reason: unknown): Promise<void> {
  const { clock } = deps;
  const why = reason instanceof Failure ? { code: reason.code, details: reason.details } : undefined;
  const ended = { outcome: 'stayed', ...(why ? { why } : {}) } as const;
  if (reach === 'begun') return written(deps, move, { ...ended, toldAtMs: clock.now() });
  await written(deps, move, ended);
  for (const began = clock.now(); clock.now() - began < STAYED_MS; await againLater(deps)) {
    try {
      await told(deps, move, 'stayed');
      return await written(deps, move, { ...ended, toldAtMs: clock.now() });
    } catch (error) {
      if (!isFinalOfTarget(error)) continue;
      await written(deps, move, { ...ended, toldAtMs: clock.now() });
      throw error;
    }
  }
}

/** Say to the target that it came, until it has heard. @throws Failure guest-not-found: it is not there either */
async function sayCame(deps: MigrationDeps, move: Move, call: Call): Promise<void> {
  const { clock } = deps;
  for (;;) {
    try {
      await told(deps, move, 'came');
      return await written(deps, move, { outcome: 'came', toldAtMs: clock.now() });
    } catch (error) {
      if (isFinalOfTarget(error)) {
        await deps.book.forget(move.id).catch(() => {});
        throw error;
      }
      call.progress(`it has come to ${move.to}, which does not answer; waiting for it`);
    }
    await againLater(deps);
  }
}

/** Where there is no room to write it, it is found out and said once more in the background: that changes nothing. */
const written = ({ book }: MigrationDeps, { id }: Move, known: Parameters<typeof book.put>[1]): Promise<void> =>
  book.put(id, known).catch(() => {});

/** The guest, as its new host tells it; where that is late with it, as it was known last. @throws Failure host-unreachable */
async function answer({ site, stopping }: MigrationDeps, { contact, uuid, to }: Move): Promise<Guest> {
  const there = await reportedGuest(site, to, (each) => each.uuid === uuid, stopping).catch((error: unknown) => {
    const known = site.find(contact);
    if (!known) throw error;
    return known;
  });
  return { ...guestAnswer(site.find(there.contact) ?? there), host: to };
}
