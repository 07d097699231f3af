/**
 * Responsibilities: know how each host stands with what is due at it.
 *
 * Theory of operation: a host says by a digest what it has taken, in its answer to what it was sent, and in its reports. Both are held
 * against the digest of what is due (due.ts).
 *
 * What can go wrong: a report of before an answer comes after it, and speaks of what was due once and is due again. So a report counts
 * only where the last answer was to what is due.
 */
import { isAbsent, isLost } from '#central/agents/silence.ts';
import type { Site } from '#central/inventory/site.ts';
import type { Failure } from '#shared/errors.ts';
import type { NetworkStanding, NetworkTrouble } from '#shared/model/network.ts';
import type { NetworkBook } from './book.ts';
import { type Due, NOTHING } from './due.ts';
import { isLeaving } from './router-moves.ts';

/** How far a host is with what is due now. */
export interface Stand {
  host: string;
  /** `away`: it is not heard. `late`: it did not answer yet. `refused`: it does not take it. */
  how: 'taken' | 'away' | 'late' | 'refused';
  /** Why it is not taken. */
  problem?: string;
  /** Of what was taken, what could not be made. */
  troubles: readonly NetworkTrouble[];
  /** What its routers were given outside by DHCP. */
  given: NonNullable<NetworkStanding['given']>;
}

export interface StandingDeps {
  site: Pick<Site, 'findHost'>;
  book: Pick<NetworkBook, 'state'>;
  due: Pick<Due, 'at'>;
}

export const takenBy = (host: string, standing: NetworkStanding | undefined): Stand => ({
  ...{ host, how: 'taken', troubles: standing?.troubles ?? [] },
  given: standing?.given ?? [],
});

export class Standing {
  readonly #deps: StandingDeps;
  /** What a host answered last, and to what. */
  readonly #answered = new Map<string, { digest: string; standing?: NetworkStanding; problem?: Failure }>();
  /** What a host answered, unless it was sent something since. */
  readonly #confirmed = new Map<string, NetworkStanding>();

  constructor(deps: StandingDeps) {
    this.#deps = deps;
  }

  /** It is being sent something: what it said before says nothing of that. */
  asked(host: string): void {
    this.#confirmed.delete(host);
  }

  answered(host: string, digest: string, standing: NetworkStanding): void {
    this.#answered.set(host, { digest, standing });
    if (standing.digest === digest) this.#confirmed.set(host, standing);
  }

  failed(host: string, digest: string, problem: Failure): void {
    this.#answered.set(host, { digest, problem });
  }

  /** Its agent has begun anew: what an earlier one answered does not count. */
  forget(host: string): void {
    this.#answered.delete(host);
  }

  /** As far as it is known, without asking. */
  of(host: string): Stand {
    const known = this.#deps.site.findHost(host);
    const stand = (how: Stand['how'], problem: string): Stand => ({ host, how, problem, troubles: [], given: [] });
    if (known?.reach !== 'heard') return stand('away', 'it is not heard');
    const standing = this.#standingOf(host);
    if (standing || this.isSettled(host)) return takenBy(host, standing);
    const last = this.#answered.get(host);
    const problem = last?.digest === this.#dueAt(host) ? last.problem : undefined;
    if (!problem || isLost(problem)) return stand('late', 'it has not answered yet');
    if (isAbsent(problem) && known.known.facts?.networks) return stand('away', 'it is not there');
    return stand('refused', refusalOf(problem));
  }

  /** Whether a host has said, of the newest word, that it does not have a router any more. What it said before that word does not count. */
  hasLeft(router: string, host: string): boolean {
    const said = this.#confirmed.get(host);
    return (
      said?.digest === this.#dueAt(host) &&
      !said.troubles.some(({ what, name }) => what === 'host' || (what === 'router' && name === router))
    );
  }

  /** Whether there is nothing to send. A host that never took anything has nothing to take where nothing is due. */
  isSettled(host: string): boolean {
    const isLeft = [...this.#deps.book.state.routers.values()]
      .filter((router) => router.heldBy === host && isLeaving(router))
      .every(({ name }) => this.hasLeft(name, host));
    if (!isLeft) return false;
    if (this.#standingOf(host)) return true;
    const hadNone = (this.#reportedBy(host)?.digest ?? '') === '' && !this.#answered.has(host);
    return hadNone && this.#dueAt(host) === NOTHING;
  }

  #dueAt(host: string): string {
    return this.#deps.due.at(host).digest;
  }

  #reportedBy(host: string): NetworkStanding | undefined {
    return this.#deps.site.findHost(host)?.known.facts?.networks;
  }

  /** What a host says of what is due, where it has taken that. */
  #standingOf(host: string): NetworkStanding | undefined {
    const due = this.#dueAt(host);
    const answer = this.#answered.get(host)?.standing;
    // Reports of before that answer may still be on their way, and be of what was due once and is due again.
    if (answer && answer.digest !== due) return undefined;
    const reported = this.#reportedBy(host);
    return reported?.digest === due ? reported : answer;
  }
}

const refusalOf = (problem: Failure): string =>
  isAbsent(problem) || problem.details.condition === 'feature-not-implemented'
    ? 'its agent knows no networks'
    : problem.message.replace(/\.$/, '');
