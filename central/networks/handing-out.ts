/**
 * Responsibilities: have each host know and realise its part of the networks.
 *
 * Theory of operation: whenever something of what is due (due.ts) may have changed, a change of what is wanted, a guest that is elsewhere,
 * a host with another underlay, a host is sent its document where that is another than the one it has taken (standing.ts). One that could
 * not be asked is asked again from time to time, and when it is heard anew. One at a time goes to a host: what changes meanwhile goes with
 * the next.
 *
 * What can go wrong: a host is away. It keeps what it had, and gets what is due when it is back. An agent dies before it has answered: when it is
 * heard anew it is sent what is due, and nobody waits for that answer any more.
 */
import { isDeepStrictEqual } from 'node:util';
import { isHeardAnew } from '#central/inventory/anew.ts';
import type { SiteChange } from '#central/inventory/known-site.ts';
import type { Site } from '#central/inventory/site.ts';
import type { Clock } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { sendNetworks } from '#shared/xmpp/networks.ts';
import type { NetworkBook } from './book.ts';
import type { Compiled } from './compile.ts';
import { Due, type Ends, endsIn } from './due.ts';
import type { Moves } from './moves.ts';
import { type Stand, Standing, takenBy } from './standing.ts';
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

const AGAIN_MS = 10_000;
/** Making much may take a while; a host is asked again after so long. */
const ANSWER_MS = 60_000;
/** A verb that waits answers by then. */
const WAIT_MS = 45_000;

export class HandingOut {
  readonly #deps: HandingOutDeps;
  readonly #due: Due;
  readonly #standing: Standing;
  /** What calls a request off that is under way. */
  readonly #asking = new Map<string, AbortController>();
  readonly #running = new Map<string, Promise<Stand>>();
  readonly #next = new Map<string, Promise<Stand>>();
  readonly #listeners = new Set<() => void>();
  readonly #offs: (() => void)[];
  #callOff = (): void => {};
  #isDue = false;
  #isOver = false;

  constructor(deps: HandingOutDeps) {
    this.#deps = deps;
    this.#due = new Due(deps);
    this.#standing = new Standing({ ...deps, due: this.#due });
    this.#offs = [
      deps.site.onChange((change) => this.#onChange(change)),
      deps.book.onChange(() => this.#soon()),
      deps.moves.onChange(() => this.#anew()),
    ];
    this.#callOff = deps.clock.after(AGAIN_MS, () => this.#again());
    this.#anew();
  }

  get compiled(): Compiled {
    return this.#due.compiled;
  }

  /** Hosts whose part differs between two states. Sorted. */
  concernedBy(before: NetworkState, after: NetworkState): string[] {
    return this.#due.concernedBy(before, after);
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
    return this.#standing.of(host);
  }

  /** Whether a host has said, of the newest word, that it does not have a router any more. */
  hasLeft(router: string, host: string): boolean {
    return this.#standing.hasLeft(router, host);
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
    const isIdle = this.#isOver || host?.reach !== 'heard' || !entity.isOnline || this.#standing.isSettled(name);
    if (isIdle) return this.standOf(name);
    const { document, digest } = this.#due.at(name);
    this.#standing.asked(name);
    const asking = new AbortController();
    this.#asking.set(name, asking);
    try {
      const way = { from: entity.bareJid, to: `${host.jid}/agent`, timeoutMs: ANSWER_MS, signal: asking.signal };
      const standing = await sendNetworks(entity, way, document);
      this.#standing.answered(name, digest, standing);
      this.#learn(name, endsIn(standing));
      // A report of when it was still at it may say less.
      if (standing.digest === digest) {
        this.#tell();
        return takenBy(name, standing);
      }
    } catch (error) {
      if (asking.signal.aborted) return this.#send(name);
      if (!(error instanceof Failure)) throw error;
      this.#standing.failed(name, digest, error);
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
    if (this.#due.learn(name, ends)) this.#anew();
  }

  #onChange(change: SiteChange): void {
    if (isHeardAnew(change)) {
      this.#standing.forget(change.name);
      this.#asking.get(change.name)?.abort(new Error('its agent began anew'));
    }
    if (change.what === 'host' && isSaidAnew(change))
      this.#learn(change.name, endsIn(change.after?.known.facts?.networks));
    if (change.what === 'host') this.#tell();
    if (touchesNetworks(this.#deps.book.state, change)) this.#anew();
  }

  /** Guests or hosts may be elsewhere. */
  #anew(): void {
    this.#due.renew();
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
      if (!this.#standing.isSettled(name)) this.#give(name).catch(this.#deps.onBug);
  }

  #again(): void {
    this.#callOff = this.#deps.clock.after(AGAIN_MS, () => this.#again());
    this.#refresh();
  }
}

const isSaidAnew = (change: SiteChange): boolean =>
  change.what === 'host' &&
  !isDeepStrictEqual(change.before?.known.facts?.networks, change.after?.known.facts?.networks);

/** Whether a change of the site may be one of what hosts realise, or of what they have taken. */
function touchesNetworks({ ports }: NetworkState, change: SiteChange): boolean {
  if (change.what === 'guest') return [...ports.values()].some(({ guest }) => guest === change.contact);
  const cameOrWent = change.before?.name !== change.after?.name;
  return cameOrWent || isHeardAnew(change) || isSaidAnew(change);
}
