/**
 * Responsibilities: move a guest that runs from one host to another, whatever happens on the way.
 *
 * Theory of operation: the target's networks come first; then the source offers the guest, the target awaits it, and the source sends it,
 * as a job of its own. It arrives with its vCPUs stopped, and runs when the source has none of it any more: the source tells the target so
 * itself, and central says it once more. Each step is an operation whose id is made of the move's, so that a job that goes on after a
 * restart asks for the same again, and none of them has a second effect.
 *
 * What can go wrong: the source's job fails, or nobody knows how it ended. Then the source is asked until it says whether it has the guest.
 * As long as it has, that one is the guest, and what is at the target is removed; else the one at the target is. While the
 * source is not heard, nothing is done: silence is not death.
 */
import { createHmac, randomUUID } from 'node:crypto';
import type { SiteGuest, SiteHost } from '#central/inventory/known-site.ts';
import type { Site } from '#central/inventory/site.ts';
import type { Networks } from '#central/networks/networks.ts';
import { paused } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';
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

export interface MigrationDeps extends AgentJobDeps {
  site: Site;
  may: May;
  networks: Pick<Networks, 'state' | 'handing' | 'moves'>;
  /** Of which the key of each move is made. */
  secret: string;
}

/** A guest, where it is, and where it shall be. */
interface Move {
  guest: SiteGuest;
  /** Undefined: it is at the target already, and nowhere else. */
  from: SiteHost | undefined;
  to: SiteHost;
  call: Call;
}

type Step = Exclude<keyof typeof migrationVerbs, 'guest.migrate'>;

export function migrationHandlers(deps: MigrationDeps): Handlers<typeof movingVerbs> {
  return {
    'guest.migrate': async ({ guest, to }, call) => {
      const move = moveOf(deps, guest, to, call);
      const { contact } = move.guest;
      requireAllowed(deps, move);
      const end = deps.networks.moves.begin(contact, to);
      try {
        const hasCome = move.from === undefined || (await carriedOver(deps, move, move.from));
        if (hasCome) await landed(deps, move, 'came');
        return await answer(deps, move);
      } finally {
        end();
      }
    },
  };
}

/** @throws Failure guest-not-found, host-not-found, host-unreachable, migration-unfit */
function moveOf({ site }: MigrationDeps, name: string, to: string, call: Call): Move {
  const guest = site.guest(name);
  const target = knownHost(site, to);
  const source = site.hostsOf(guest.contact).find((host) => host !== to);
  const from = source === undefined ? undefined : site.findHost(source);
  if (!from && !call.resumed)
    throw new Failure('migration-unfit', { guest: guest.contact, to, problem: 'it is there already' });
  for (const host of from ? [from, target] : [target])
    if (host.reach !== 'heard' && !call.resumed)
      throw new Failure('host-unreachable', { host: host.name, problem: host.problem ?? 'it is not heard' });
  return { guest, from, to: target, call };
}

/** Whoever may have it moved may have it there too. @throws Failure not-permitted, guest-exists */
function requireAllowed({ may, site }: MigrationDeps, { guest, to, call }: Move): void {
  const { contact } = guest;
  const { requester, verb } = call;
  if (!may(requester, verb, { guest: contact, host: to.name }))
    throw new Failure('not-permitted', { requester: requester.bareJid, verb: `${verb} ${contact} to=${to.name}` });
  const { name, uuid } = guest.guest;
  const known = site.findHost(to.name)?.known.guests.values();
  if (known?.some((each) => each.name === name && each.uuid !== uuid))
    throw new Failure('guest-exists', { guest: name, host: to.name });
}

/** @returns whether it has come: where it has not, that is thrown @throws Failure why it has not */
async function carriedOver(deps: MigrationDeps, move: Move, from: SiteHost): Promise<boolean> {
  const { guest, to, call } = move;
  await networksReady(deps, move);
  const offered = await offerOf(deps, move, from);
  if (offered === undefined) return true;
  const key = keyOf(deps, call);
  const { name } = guest.guest;
  const way = await wayTo(deps, move, { from: from.name, offer: offered, key });
  try {
    const row = migrationVerbs['guest.migrate'];
    await carryOutJob(deps, from, 'guest.migrate', row, { guest: name, to: to.name, key, ...way }, call);
    return true;
  } catch (error) {
    // Central stops, and goes on with it when it is back.
    if (call.signal.aborted && !isCancelled(call)) throw error;
    if (await hasLeft(deps, move, from)) return true;
    await landed(deps, move, 'stayed');
    throw error;
  }
}

/** Where it shall be sent. A target of which nobody knows whether it awaits the guest is told that it does not come. */
async function wayTo(deps: MigrationDeps, move: Move, coming: { from: string; offer: string; key: string }) {
  const { guest, to, call } = move;
  const { name, uuid } = guest.guest;
  try {
    return await asked(deps, to, 'guest.await', { name, uuid, ...coming }, call);
  } catch (error) {
    const isUncertain = error instanceof Failure && SILENT.has(error.code);
    const isForNow = call.signal.aborted && !isCancelled(call);
    if (!isForNow && (isUncertain || isCancelled(call))) await landed(deps, move, 'stayed');
    throw error;
  }
}

const isCancelled = ({ signal }: Call): boolean =>
  signal.reason instanceof Failure && signal.reason.code === 'job-cancelled';

/** A key of 256 bits that is the same when the same move is asked for again, and that nobody can work out who has not central's secret. */
const keyOf = ({ secret }: MigrationDeps, { operation, requester }: Call): string =>
  createHmac('sha256', secret).update(`skerry migration ${requester.bareJid} ${operation}`).digest('hex');

/** Have the target realise the networks that the guest is on, with its ports, before it comes. @throws Failure network-host */
async function networksReady({ networks, site, clock }: MigrationDeps, { guest, to, call }: Move): Promise<void> {
  const ports = [...networks.state.ports.values()].filter((port) => port.guest === guest.contact);
  if (ports.length === 0) return;
  call.progress(`making its networks at ${to.name}`);
  while (call.resumed && site.findHost(to.name)?.reach !== 'heard') {
    await paused(clock, AGAIN_MS, call.signal);
    call.signal.throwIfAborted();
  }
  const [stand] = await networks.handing.settle([to.name]);
  const named = new Set(ports.flatMap(({ network, mac }) => [network, mac]));
  const trouble = stand?.troubles.find(({ what, name }) => what === 'host' || named.has(name));
  const problem = stand?.how === 'taken' ? trouble?.problem : (stand?.problem ?? 'it has not taken them');
  if (problem !== undefined) throw new Failure('network-host', { host: to.name, problem: problem.replace(/\.$/, '') });
}

/** What the guest needs; undefined: the source has none of it any more, since an earlier life of this job was far enough. */
async function offerOf(deps: MigrationDeps, { guest, call }: Move, from: SiteHost): Promise<string | undefined> {
  try {
    return (await asked(deps, from, 'guest.offer', { guest: guest.guest.name }, call)).offer;
  } catch (error) {
    if (call.resumed && error instanceof Failure && error.code === 'guest-not-found') return undefined;
    throw error;
  }
}

/** One step. A job that goes on after a restart waits for hosts that are not heard yet: much of it may be done. */
async function asked<S extends Step>(
  { ask, site, clock }: MigrationDeps,
  host: SiteHost,
  step: S,
  args: Omit<ArgsOf<(typeof migrationVerbs)[S]>, never>,
  call: Call,
): Promise<ResultOf<(typeof migrationVerbs)[S]>> {
  const operation = `${call.operation} ${step}`;
  for (;;) {
    try {
      const at = site.findHost(host.name) ?? host;
      const { value } = await ask(at, step, migrationVerbs[step], args, { ...call, operation });
      return value as ResultOf<(typeof migrationVerbs)[S]>;
    } catch (error) {
      if (!call.resumed || !(error instanceof Failure && UNHEARD.has(error.code))) throw error;
      call.progress(`waiting for ${host.name}`);
    }
    await paused(clock, AGAIN_MS, call.signal);
    call.signal.throwIfAborted();
  }
}

const UNHEARD: ReadonlySet<string> = new Set(['host-unreachable', 'operation-uncertain']);

const AGAIN_MS = 3_000;
const ANSWER_MS = 60_000;
/** Nobody can tell by them whether a guest is there. */
const SILENT: ReadonlySet<string> = new Set([
  'host-unreachable',
  'host-timeout',
  'host-command',
  'host-output',
  'verb-timeout',
  'too-busy',
  'operation-uncertain',
]);

/** The source has it, and it is not to be sent as it is now. All else says nothing of that. */
const HAS_IT: ReadonlySet<string> = new Set(['guest-wrong-state', 'migration-unfit']);
/** What is asked in a loop of its own. */
const once = ({ resumed: _, ...call }: Call): Call => call;

/** Ask the source, until it says so, whether it has none of the guest any more. @throws the reason why nobody waits any longer */
async function hasLeft(deps: MigrationDeps, { guest, call }: Move, from: SiteHost): Promise<boolean> {
  for (let again = 0; ; again++) {
    try {
      const signal = AbortSignal.timeout(ANSWER_MS);
      await asked(
        deps,
        from,
        'guest.offer',
        { guest: guest.guest.name },
        { ...once(call), signal, operation: `${call.operation} ${again}` },
      );
      return false;
    } catch (error) {
      const code = error instanceof Failure ? error.code : 'internal';
      if (code === 'guest-not-found') return true;
      if (HAS_IT.has(code)) return false;
      call.progress(`${from.name} does not say whether it has the guest; it stands still at the other until then`);
    }
    await paused(deps.clock, AGAIN_MS, isCancelled(call) ? AbortSignal.timeout(AGAIN_MS * 2) : call.signal);
    if (!isCancelled(call)) call.signal.throwIfAborted();
  }
}

/** Say to the target how it ended, until it has heard; of one that stayed, for a while only. */
async function landed(deps: MigrationDeps, move: Move, outcome: 'came' | 'stayed'): Promise<void> {
  const { guest, to, call } = move;
  const { name, uuid } = guest.guest;
  const waits = outcome === 'came' ? call.signal : AbortSignal.timeout(ANSWER_MS);
  for (;;) {
    try {
      await asked(
        deps,
        to,
        'guest.land',
        { name, uuid, outcome },
        // Under an id of its own each time: how it failed before would be the answer. It says how things shall be.
        { ...once(call), signal: waits, operation: `${call.operation} ${outcome} ${randomUUID()}` },
      );
      return;
    } catch (error) {
      const code = error instanceof Failure ? error.code : 'internal';
      if (waits.aborted && outcome === 'stayed') return;
      if (waits.aborted || !SILENT.has(code)) throw error;
      call.progress(`${to.name} does not answer; waiting for it`);
    }
    await paused(deps.clock, AGAIN_MS, waits);
  }
}

/** The guest, as its new host tells it. */
async function answer({ site }: MigrationDeps, { guest, to, call }: Move): Promise<Guest> {
  const { uuid } = guest.guest;
  const there = await reportedGuest(site, to.name, (each) => each.uuid === uuid, call.signal);
  return guestAnswer(site.find(there.contact) ?? there);
}
