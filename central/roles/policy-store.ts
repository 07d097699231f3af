/**
 * Responsibilities: know the policy in force, and change it.
 *
 * Theory of operation: what stands in central's configuration always holds, so that nobody can be locked out by verbs; what verbs made
 * comes to it. Each change is a row of its own, with who made it and when, and takes effect when it is on the disk: from one question to
 * the next, whole. Changes are made one after the other.
 *
 * What can go wrong: a change that would let something unmeant: it is refused, and nothing is written.
 */

import type { Database } from '#central/database/open.ts';
import type { Writer, Writes } from '#central/database/writer.ts';
import { Failure } from '#shared/errors.ts';
import { oneLine } from '#shared/turns.ts';
import { type Holders, namedHolders } from '#shared/verb/grant.ts';
import { idlePatterns, KeptPolicy, type May, type Policy, type PolicyView, policyOf } from '#shared/verb/policy.ts';
import { didYouMean } from '#shared/verb/suggest.ts';
import type { VerbTable } from '#shared/verb/verb.ts';

export interface PolicyStoreDeps {
  database: Database;
  writer: Writer;
  /** Of central's configuration. */
  configured: Policy;
  table: VerbTable;
  /** Verbs that only agents have: a role may name them. */
  alsoKnown?: VerbTable;
  /** Who holds grants to affiliations of rooms. Without it, nobody. */
  rooms?: { holders: Holders; onChange(listener: () => void): () => void };
  now(): number;
}

export interface PolicyStore extends PolicyView {
  readonly configured: Policy;
  /** What verbs made. */
  readonly kept: Policy;
  /** Both: what is asked. */
  readonly inForce: Policy;
  /** Bare JIDs and domains that hold a grant now. */
  holders: Holders;
  /** Of what verbs made; 0 before the first change. */
  readonly version: number;
  /**
   * Change what verbs made, by a function of what is there; resolves when it holds.
   * @param by bare JID of whoever changes it
   * @param also what is written in the same transaction, by what will be in force
   * @throws Failure bad-argument, role-last-admin, host-space; what `make` throws. Then nothing is changed.
   */
  change(by: string, make: (kept: Policy) => Policy, also?: Also): Promise<void>;
  onChange(listener: () => void): () => void;
}

type Also = (inForce: Policy) => Writes;

interface Held {
  version: number;
  kept: Policy;
  inForce: Policy;
  view: PolicyView;
}

/** Read what is kept. */
export async function policyStore(deps: PolicyStoreDeps): Promise<PolicyStore> {
  const { database, writer, configured, table } = deps;
  const listeners = new Set<() => void>();
  const holders = deps.rooms?.holders ?? namedHolders;
  const heldOf = (version: number, kept: Policy): Held => {
    const inForce = both(configured, kept);
    return { version, kept, inForce, view: policyOf(inForce, table, { site: true, holders }) };
  };
  const row = await database.selectFrom('policies').selectAll().orderBy('version', 'desc').limit(1).executeTakeFirst();
  let held = heldOf(
    Number(row?.version ?? 0),
    row ? KeptPolicy.parse(JSON.parse(row.policy)) : { roles: {}, grants: [] },
  );
  const inTurn = oneLine();

  const changeNow = async (by: string, make: (kept: Policy) => Policy, also?: Also): Promise<void> => {
    const next = heldOf(held.version + 1, make(held.kept));
    const policy = JSON.stringify(next.kept);
    if (policy === JSON.stringify(held.kept)) return;
    refuseIdle(next.kept, { ...deps.alsoKnown, ...table });
    if (hasAdmin(held) && !hasAdmin(next)) throw new Failure('role-last-admin');
    const at = new Date(deps.now()).toISOString();
    await writer.write(async (transaction) => {
      await transaction.insertInto('policies').values({ version: next.version, at, by, policy }).execute();
      await also?.(next.inForce)(transaction);
    });
    hold(next);
  };
  const hold = (next: Held): void => {
    held = next;
    for (const listener of listeners) listener();
  };
  deps.rooms?.onChange(() => hold(heldOf(held.version, held.kept)));
  const may: May = (requester, verb, target) => held.view.may(requester, verb, target);
  return {
    configured,
    get kept() {
      return held.kept;
    },
    get inForce() {
      return held.inForce;
    },
    get version() {
      return held.version;
    },
    may,
    holders,
    explain: (requester, verb, target) => held.view.explain(requester, verb, target),
    change: (by, make, also) => {
      return inTurn(() => changeNow(by, make, also));
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/** Where both have a role of a name, the configuration says what it is. */
const both = (configured: Policy, kept: Policy): Policy => ({
  roles: { ...kept.roles, ...configured.roles },
  grants: [...configured.grants, ...kept.grants],
});

/** Whether anybody may give roles, on everything. Members of a room do not count: they may all be gone tomorrow. */
const hasAdmin = ({ inForce, view }: Held): boolean =>
  inForce.grants.some(({ jid }) => {
    if (jid === undefined) return false;
    const bareJid = jid.includes('@') ? jid : `anybody@${jid}`;
    return view.may({ bareJid, fullJid: bareJid }, 'role.grant', { guest: '' });
  });

/** @throws Failure bad-argument: a pattern that no verb matches */
function refuseIdle(policy: Policy, table: VerbTable): void {
  const [idle] = idlePatterns(policy, table);
  if (!idle) return;
  const { pattern, role } = idle;
  const field = policy.roles[role]?.allow.includes(pattern) ? 'allow' : 'deny';
  const near = didYouMean(pattern, [...Object.keys(table), ...nounsOf(table).map((noun) => `${noun}.*`)]);
  throw new Failure('bad-argument', { field, problem: `no verb is like ${pattern}.${near}` });
}

const nounsOf = (table: VerbTable): string[] => [
  ...new Set(Object.keys(table).map((verb) => verb.slice(0, verb.indexOf('.')))),
];
