/**
 * Responsibilities: have each host know and realise its part of the networks, and know how each stands.
 *
 * Theory of operation: what a host shall realise is compiled (compile.ts) whenever something of it may have changed: a change of what is
 * wanted, a guest that is elsewhere, a host with another underlay. A host is sent its document when that is another than the one it has
 * taken, by the digest that it answers and reports. One that could not be asked is asked again from time to time, and when it is heard
 * anew. One at a time goes to a host: what changes meanwhile goes with the next.
 *
 * What can go wrong: a host is away. It keeps what it had, and gets what is due when it is back. An agent dies before it has answered: when it is
 * heard anew it is sent what is due, and nobody waits for that answer any more.
 */
import { isDeepStrictEqual } from 'node:util';
import { isAbsent, isLost } from '#central/agents/silence.ts';
import { isHeardAnew } from '#central/inventory/anew.ts';
import type { Site, SiteChange } from '#central/inventory/site.ts';
import type { Clock } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';
import { HostNetworks, type NetworkStanding, type NetworkTrouble, NO_NETWORKS } from '#shared/model/network.ts';
import { digestOf } from '#shared/verb/digest.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { sendNetworks } from '#shared/xmpp/networks.ts';
import type { NetworkBook } from './book.ts';
import { type Compiled, compileSite } from './compile.ts';
import type { Moves } from './moves.ts';
import { isLeaving } from './router-moves.ts';
import type { NetworkState } from './state.ts';

export interface HandingOutDeps {
  entity: Pick<Entity, 'request' | 'isOnline' | 'bareJid'>;
  site: Site;
  book: NetworkBook;
  moves: Pick<Moves, 'expectedAt' | 'onChange'>;
  /** Subnet of hosts that meet by WireGuard. */
  mesh: string;
  clock: Clock;
  log: Record<'warn', (fields: object, message: string) => void>;
  onBug(error: unknown): void;
}

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

const AGAIN_MS = 10_000;
/** Making much may take a while; a host is asked again after so long. */
const ANSWER_MS = 60_000;
/** A verb that waits answers by then. */
const WAIT_MS = 45_000;

const takenBy = (host: string, standing: NetworkStanding | undefined): Stand => ({
  ...{ host, how: 'taken', troubles: standing?.troubles ?? [] },
  given: standing?.given ?? [],
});
const digestOfNetworks = (document: HostNetworks): string => digestOf('networks', document);
const NOTHING = digestOfNetworks(HostNetworks.parse(NO_NETWORKS));

export class HandingOut {
  readonly #deps: HandingOutDeps;
  /** What a host answered last, and to what. */
  readonly #answered = new Map<string, { digest: string; standing?: NetworkStanding; problem?: Failure }>();
  /** What a host answered, unless it was sent something since. */
  readonly #confirmed = new Map<string, NetworkStanding>();
  readonly #ends = new Map<string, Ends>();
  /** What calls a request off that is under way. */
  readonly #asking = new Map<string, AbortController>();
  readonly #running = new Map<string, Promise<Stand>>();
  readonly #next = new Map<string, Promise<Stand>>();
  readonly #listeners = new Set<() => void>();
  readonly #offs: (() => void)[];
  #callOff = (): void => {};
  /** As long as guests and hosts are where they were: a state is never changed in place. */
  #compiled = new WeakMap<NetworkState, Compiled>();
  #isDue = false;
  #isOver = false;

  constructor(deps: HandingOutDeps) {
    this.#deps = deps;
    for (const { name, known } of deps.site.hosts()) this.#ends.set(name, endsIn(known.facts?.networks));
    this.#offs = [
      deps.site.onChange((change) => this.#onChange(change)),
      deps.book.onChange(() => this.#soon()),
      deps.moves.onChange(() => this.#anew()),
    ];
    this.#callOff = deps.clock.after(AGAIN_MS, () => this.#again());
    this.#anew();
  }

  get compiled(): Compiled {
    return this.#compile(this.#deps.book.state);
  }

  /** Hosts whose part differs between two states. Sorted. */
  concernedBy(before: NetworkState, after: NetworkState): string[] {
    const [was, is] = [this.#compile(before), this.#compile(after)];
    return [...new Set([...was.hosts, ...is.hosts])]
      .filter((host) => digestOfNetworks(was.documentOf(host)) !== digestOfNetworks(is.documentOf(host)))
      .sort();
  }

  /** Have these hosts take what is due, and wait for them, but not for ever. In the same order. */
  async settle(hosts: readonly string[]): Promise<Stand[]> {
    const { promise: late, resolve } = Promise.withResolvers<undefined>();
    const end = this.#deps.clock.after(WAIT_MS, () => resolve(undefined));
    const stands = await Promise.all(hosts.map((host) => Promise.race([this.#give(host), late])));
    end();
    return hosts.map((host, at) => stands[at] ?? this.standOf(host));
  }

  /** As far as it is known, without asking. */
  standOf(host: string): Stand {
    const known = this.#deps.site.findHost(host);
    const stand = (how: Stand['how'], problem: string): Stand => ({ host, how, problem, troubles: [], given: [] });
    if (known?.reach !== 'heard') return stand('away', 'it is not heard');
    const standing = this.#standingOf(host);
    if (standing || this.#isSettled(host)) return takenBy(host, standing);
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

  /** How a host stands may be something else. */
  onStand(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  stop(): void {
    this.#isOver = true;
    this.#callOff();
    for (const off of this.#offs) off();
  }

  #compile(state: NetworkState): Compiled {
    const { site, moves } = this.#deps;
    const known = this.#compiled.get(state);
    if (known) return known;
    const compiled = compileSite(state, {
      hosts: new Set(site.hosts().map(({ name }) => name)),
      hostsOf: (guest) => {
        const expected = moves.expectedAt(guest);
        return expected === undefined ? site.hostsOf(guest) : [...new Set([...site.hostsOf(guest), expected])].sort();
      },
      underlayOf: (host) => this.#ends.get(host)?.underlay,
      wireguardOf: (host) => this.#ends.get(host)?.wireguard,
      mesh: this.#deps.mesh,
    });
    this.#compiled.set(state, compiled);
    return compiled;
  }

  #dueAt(host: string): string {
    return digestOfNetworks(this.compiled.documentOf(host));
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

  /** A host that never took anything has nothing to take where nothing is due. */
  #isSettled(host: string): boolean {
    const isLeft = [...this.#deps.book.state.routers.values()]
      .filter((router) => router.heldBy === host && isLeaving(router))
      .every(({ name }) => this.hasLeft(name, host));
    if (!isLeft) return false;
    if (this.#standingOf(host)) return true;
    const hadNone = (this.#reportedBy(host)?.digest ?? '') === '' && !this.#answered.has(host);
    return hadNone && this.#dueAt(host) === NOTHING;
  }

  /** Where one is on its way, the next one takes along all that changes until then. */
  #give(name: string): Promise<Stand> {
    const waiting = this.#next.get(name);
    if (waiting) return waiting;
    const turn = async (): Promise<Stand> => {
      await this.#running.get(name)?.catch(() => {});
      this.#next.delete(name);
      const work = this.#send(name);
      this.#running.set(name, work);
      return work;
    };
    const made = turn();
    this.#next.set(name, made);
    return made;
  }

  async #send(name: string): Promise<Stand> {
    const { entity, site, log } = this.#deps;
    const host = site.findHost(name);
    if (this.#isOver || host?.reach !== 'heard' || !entity.isOnline || this.#isSettled(name)) return this.standOf(name);
    const document = this.compiled.documentOf(name);
    const digest = digestOfNetworks(document);
    this.#confirmed.delete(name);
    const asking = new AbortController();
    this.#asking.set(name, asking);
    try {
      const way = { from: entity.bareJid, to: `${host.jid}/agent`, timeoutMs: ANSWER_MS, signal: asking.signal };
      const standing = await sendNetworks(entity, way, document);
      this.#answered.set(name, { digest, standing });
      if (standing.digest === digest) this.#confirmed.set(name, standing);
      this.#learn(name, endsIn(standing));
      // A report of when it was still at it may say less.
      if (standing.digest === digest) {
        this.#tell();
        return takenBy(name, standing);
      }
    } catch (error) {
      if (asking.signal.aborted) return this.#send(name);
      if (!(error instanceof Failure)) throw error;
      this.#answered.set(name, { digest, problem: error });
      log.warn({ host: name, problem: error.message }, 'networks not given');
    }
    this.#tell();
    return this.standOf(name);
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  /** Where its tunnels begin is news to the others. */
  #learn(name: string, ends: Ends): void {
    if (isDeepStrictEqual(this.#ends.get(name), ends)) return;
    this.#ends.set(name, ends);
    this.#anew();
  }

  #onChange(change: SiteChange): void {
    if (isHeardAnew(change)) {
      this.#answered.delete(change.name);
      this.#asking.get(change.name)?.abort(new Error('its agent began anew'));
    }
    if (change.what === 'host' && isSaidAnew(change))
      this.#learn(change.name, endsIn(change.after?.known.facts?.networks));
    if (change.what === 'host') this.#tell();
    if (touchesNetworks(this.#deps.book.state, change)) this.#anew();
  }

  /** Guests or hosts may be elsewhere. */
  #anew(): void {
    this.#compiled = new WeakMap();
    this.#soon();
  }

  /** Many changes at once are one. */
  #soon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      this.#refresh();
      this.#tell();
    });
  }

  #refresh(): void {
    if (this.#isOver) return;
    for (const { name } of this.#deps.site.hosts())
      if (!this.#isSettled(name)) this.#give(name).catch(this.#deps.onBug);
  }

  #again(): void {
    this.#callOff = this.#deps.clock.after(AGAIN_MS, () => this.#again());
    this.#refresh();
  }
}

/** Where a host's tunnels begin. */
type Ends = Pick<NetworkStanding, 'underlay' | 'wireguard'>;
const endsIn = ({ underlay, wireguard }: Ends = {}): Ends => ({ underlay, wireguard });

const refusalOf = (problem: Failure): string =>
  isAbsent(problem) || problem.details.condition === 'feature-not-implemented'
    ? 'its agent knows no networks'
    : problem.message.replace(/\.$/, '');

const isSaidAnew = (change: SiteChange): boolean =>
  change.what === 'host' &&
  !isDeepStrictEqual(change.before?.known.facts?.networks, change.after?.known.facts?.networks);

/** Whether a change of the site may be one of what hosts realise, or of what they have taken. */
function touchesNetworks({ ports }: NetworkState, change: SiteChange): boolean {
  if (change.what === 'guest') return [...ports.values()].some(({ guest }) => guest === change.contact);
  const cameOrWent = change.before?.name !== change.after?.name;
  return cameOrWent || isHeardAnew(change) || isSaidAnew(change);
}
