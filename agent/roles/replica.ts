/**
 * Responsibilities: let whom central's policy lets, on the direct way, also while central is away.
 *
 * Theory of operation: central sends its policy as it is at this host, under a version that grows; the newest is kept over restarts. With
 * each new session the agent asks for the newest, and lets nobody by what it has until there is an answer: a grant may have been taken
 * away meanwhile. Where the server says that central is not there, the last that is known holds.
 *
 * What can go wrong: somebody else sends a policy. It is refused: only the address that the server stamped counts. What is kept cannot be
 * read: then there is none, and central's answer is waited for.
 */
import type { Settings } from '#agent/journal/settings.ts';
import type { Clock } from '#shared/clock.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import { type May, mayBy } from '#shared/verb/policy.ts';
import type { VerbTable } from '#shared/verb/verb.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { bareOf } from '#shared/xmpp/jid.ts';
import { POLICY_NS, parsePolicy, policyQuestion, Replicated } from '#shared/xmpp/policy.ts';
import { StanzaError } from '#shared/xmpp/stanza-error.ts';

export interface ReplicaDeps {
  entity: Pick<Entity, 'request' | 'serve' | 'onStatus' | 'isOnline'>;
  /** JID of the central agent. */
  central: string;
  settings: Settings;
  table: VerbTable;
  clock: Clock;
  log: Record<'warn', (fields: object, message: string) => void>;
  onBug(error: unknown): void;
}

export interface Replica {
  /** What central's policy says; nobody may anything while it is not known whether it is the newest. */
  may: May;
  /** Told when it may let others than before. */
  onChange(listener: () => void): void;
  stop(): void;
}

const KEY = 'policy';
const ANSWER_MS = 10_000;
const AGAIN_MS = 5_000;
/**
 * What a server answers for a component that is not there: `forbidden` and `not-allowed` where it then takes the domain for another
 * server's, and may talk to none, as ejabberd does. Central's own refusals name a row of the failure table beside it.
 */
const ABSENT: ReadonlySet<string> = new Set([
  'service-unavailable',
  'recipient-unavailable',
  'remote-server-not-found',
  'remote-server-timeout',
  'forbidden',
  'not-allowed',
]);

export function policyReplica(deps: ReplicaDeps): Replica {
  const { entity, central, settings, table, clock, log, onBug } = deps;
  let held = keptIn(settings, log);
  let granted: May = held ? mayBy(held.policy, table) : () => false;
  let isTrusted = false;
  /** Grows with each session: an answer to a question of an earlier one is no answer. */
  let session = 0;
  let callOff = (): void => {};
  const listeners = new Set<() => void>();
  const trust = (): void => {
    isTrusted = true;
    for (const listener of listeners) listener();
  };

  const take = (given: Replicated): void => {
    if (held && given.version < held.version)
      throw new Failure('policy-late', { version: given.version, newest: held.version });
    const before = JSON.stringify(held);
    const text = JSON.stringify(given);
    if (text !== before) settings.set(KEY, text);
    held = given;
    granted = mayBy(given.policy, table);
    trust();
  };
  const ask = async (of: number): Promise<void> => {
    callOff();
    try {
      const child = policyQuestion(held?.version ?? 0);
      const answer = await entity.request({ to: central, type: 'get', child, timeoutMs: ANSWER_MS });
      const found = answer.getChild('policy', POLICY_NS);
      if (!found) throw new Failure('bad-payload', { problem: 'there is no policy in it' });
      const given = parsePolicy(found);
      if (of === session) take(given);
      return;
    } catch (error) {
      if (of !== session) return;
      if (error instanceof StanzaError && error.failure === undefined && ABSENT.has(error.condition)) trust();
      // One that came while we asked is newer than the answer.
      else if (error instanceof Failure && error.code === 'policy-late') return;
      else if (!(error instanceof StanzaError || error instanceof Failure)) onBug(error);
      else log.warn({ problem: messageOf(error) }, 'central does not tell its policy');
    }
    callOff = clock.after(AGAIN_MS, () => begin(of));
  };
  const begin = (of: number): void => {
    if (of === session && entity.isOnline) ask(of).catch(onBug);
  };
  entity.serve('set', POLICY_NS, 'policy', ({ from, child }) => {
    const sender = bareOf(from);
    if (sender !== central) throw new Failure('not-permitted', { requester: sender, verb: 'say who may do what' });
    take(parsePolicy(child));
    return undefined;
  });
  const off = entity.onStatus(({ status }) => {
    // A session that is resumed has lost nothing that was sent to it.
    if (status !== 'online') return;
    isTrusted = false;
    begin(++session);
  });
  return {
    may: (requester, verb, target) => isTrusted && granted(requester, verb, target),
    onChange: (listener) => void listeners.add(listener),
    stop: () => {
      session += 1;
      callOff();
      off();
    },
  };
}

function keptIn(settings: Settings, log: ReplicaDeps['log']): Replicated | undefined {
  const text = settings.get(KEY);
  if (text === undefined) return undefined;
  try {
    return Replicated.parse(JSON.parse(text));
  } catch (error) {
    log.warn({ problem: messageOf(error) }, 'the policy that was kept cannot be read');
    return undefined;
  }
}
