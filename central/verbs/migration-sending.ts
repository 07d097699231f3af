/** The steps of a move up to the sending: networks at the target, the offer of the source, the target that awaits it, and the source that sends. */
import { createHmac } from 'node:crypto';
import { type EndingDeps, stepOf } from '#central/moving/ending.ts';
import type { MovingNow } from '#central/moving/to-its-end.ts';
import type { Networks } from '#central/networks/networks.ts';
import { paused } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';
import type { May } from '#shared/verb/policy.ts';
import type { Call } from '#shared/verb/request.ts';
import type { ArgsOf, ResultOf } from '#shared/verb/verb.ts';
import { migrationVerbs } from '#shared/verbs/migration.ts';
import { type AgentJobDeps, carryOutJob } from './agent-job.ts';

export interface MigrationDeps extends AgentJobDeps, EndingDeps {
  site: EndingDeps['site'];
  may: May;
  networks: Pick<Networks, 'state' | 'handing' | 'moves'>;
  /** Of which the key of each move is made. */
  secret: string;
}

const AGAIN_MS = 3_000;

/** All steps, until the source says that it has sent it. @throws Failure why it has not, or why nobody knows */
export async function sent(deps: MigrationDeps, moving: MovingNow): Promise<void> {
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
  moving: MovingNow,
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

/** A key of 256 bits that is the same when the same move is asked for again, and that nobody can work out who has not central's secret. */
const keyOf = ({ secret }: MigrationDeps, { operation, requester }: Call): string =>
  createHmac('sha256', secret).update(`skerry migration ${requester.bareJid} ${operation}`).digest('hex');

/** Have the target realise the networks that the guest is on, with its ports, before it comes. @throws Failure network-host */
async function networksReady({ networks, site, clock }: MigrationDeps, { move, call }: MovingNow): Promise<void> {
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
