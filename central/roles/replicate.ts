/**
 * Responsibilities: have the policy at every agent, for the direct way.
 *
 * Theory of operation: each host gets the policy as it is there (at-host.ts), under a version that grows. What an agent has confirmed is
 * remembered; where that differs from what is due, it is sent, so many at once, and again after a while until it is confirmed. An agent
 * that connects asks by itself.
 *
 * What can go wrong: an agent that is away. It gets nothing, and asks when it is back. An agent that knows of a newer version, as after
 * central's clock went back, says so: the next one is given a version above that.
 */
import type { SiteChange, SiteHost } from '#central/inventory/known-site.ts';
import type { Site } from '#central/inventory/site.ts';
import type { Clock } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { bareOf } from '#shared/xmpp/jid.ts';
import { POLICY_NS, policyElement, type Replicated, versionAsked } from '#shared/xmpp/policy.ts';
import { StanzaError } from '#shared/xmpp/stanza-error.ts';
import { policyAtHost } from './at-host.ts';
import type { PolicyStore } from './policy-store.ts';

export interface ReplicateDeps {
  entity: Pick<Entity, 'request' | 'serve' | 'onStatus' | 'isOnline' | 'bareJid'>;
  site: Site;
  policies: Pick<PolicyStore, 'inForce' | 'holders' | 'onChange'>;
  /** Resolves when it is known who holds grants to rooms. */
  settled(): Promise<void>;
  clock: Clock;
  onBug(error: unknown): void;
}

const AT_ONCE = 20;
const AGAIN_MS = 5_000;
const ANSWER_MS = 10_000;

/** What one host has, as far as is known. */
interface At {
  version: number;
  /** What stands under that version, as JSON. */
  due: string;
  confirmed: string | undefined;
}

export function replicatePolicy(deps: ReplicateDeps): { stop(): void } {
  const { entity, site, policies, settled, clock, onBug } = deps;
  const at = new Map<string, At>();
  const dirty = new Set<string>();
  let running = false;
  let callOff = (): void => {};

  const dueAt = (host: SiteHost, above = 0): Replicated => {
    const guests = site.contactsAt(host.name).flatMap((contact) => site.find(contact) ?? []);
    const policy = policyAtHost(policies.inForce, host.name, guests, policies.holders);
    const due = JSON.stringify(policy);
    const known = at.get(host.name) ?? { version: 0, due: '', confirmed: undefined };
    const isNew = known.due !== due || known.version < above;
    const version = isNew ? Math.max(clock.now(), known.version + 1, above + 1) : known.version;
    at.set(host.name, { ...known, version, due });
    return { version, policy };
  };
  const confirmed = (name: string, { policy }: Replicated): void => {
    const known = at.get(name);
    if (known) known.confirmed = JSON.stringify(policy);
  };
  const give = async (name: string): Promise<void> => {
    const host = site.findHost(name);
    if (!host || host.reach === 'unreachable') return;
    const due = dueAt(host);
    if (at.get(name)?.confirmed === at.get(name)?.due) return;
    try {
      const to = `${host.jid}/agent`;
      const child = policyElement(due);
      await entity.request({ from: entity.bareJid, to, type: 'set', child, timeoutMs: ANSWER_MS });
      confirmed(name, due);
    } catch (error) {
      const isLate = error instanceof StanzaError && error.failure === 'policy-late';
      if (isLate) dueAt(host, Number(error.details.newest) || 0);
      else if (!(error instanceof StanzaError || error instanceof Failure)) onBug(error);
      const known = at.get(name);
      if (known) known.confirmed = undefined;
      again.add(name);
    }
  };
  const again = new Set<string>();
  const drain = async (): Promise<void> => {
    if (running || !entity.isOnline) return;
    running = true;
    await settled();
    const one = async (): Promise<void> => {
      for (const name of dirty) {
        dirty.delete(name);
        await give(name);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, one)).finally(() => {
      running = false;
    });
    if (dirty.size > 0) await drain();
  };
  const mark = (names: Iterable<string>): void => {
    for (const name of names) dirty.add(name);
    drain().catch(onBug);
  };
  const all = (): string[] => site.hosts().map(({ name }) => name);
  const look = (): void => {
    callOff = clock.after(AGAIN_MS, look);
    const names = [...again];
    again.clear();
    mark(names);
  };
  const onChange = (change: SiteChange): void => {
    if (change.what === 'guest') {
      if (!isSameToPolicy(change)) mark([change.before?.host.name, change.after?.host.name].flatMap((n) => n ?? []));
    } else if (change.after === undefined) at.delete(change.name);
    else if (change.before?.reach !== change.after.reach) mark([change.name]);
  };

  entity.serve('get', POLICY_NS, 'policy', async ({ from, child }) => {
    const host = site.hostByJid(bareOf(from));
    if (!host) throw new Failure('not-permitted', { requester: bareOf(from), verb: 'ask for the policy' });
    await settled();
    return policyElement(dueAt(host, versionAsked(child)));
  });
  const offs = [
    policies.onChange(() => mark(all())),
    site.onChange(onChange),
    entity.onStatus(({ status }) => {
      if (status !== 'offline') mark(all());
    }),
  ];
  callOff = clock.after(AGAIN_MS, look);
  return {
    stop: () => {
      callOff();
      for (const off of offs) off();
    },
  };
}

/** Whether a change of a guest is none to a policy: as most are, of its state. */
const isSameToPolicy = ({ before, after }: Extract<SiteChange, { what: 'guest' }>): boolean =>
  before?.host.name === after?.host.name &&
  before?.guest.name === after?.guest.name &&
  before?.tags.join() === after?.tags.join();
