import { createHash, randomUUID } from 'node:crypto';
import type { Kept } from '#central/kept.ts';
import { type Clock, systemClock } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';
import type { GivenOutside } from '#shared/model/network.ts';
import { oneLine } from '#shared/turns.ts';
import type { Call } from '#shared/verb/request.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import type { MacPlan } from './allotment.ts';
import { type Made, NetworkBook } from './book.ts';
import { HandingOut } from './handing-out.ts';
import { givenIn, keyOf, problemOf, problemsOf, refusalsOf } from './host-troubles.ts';
import { type Looks, looks } from './looks.ts';
import { type Moves, moves } from './moves.ts';
import { addLook } from './network-changes.ts';
import { letGo } from './router-moves.ts';
import type { Stand } from './standing.ts';
import type { NetworkState, SiteRouter } from './state.ts';
import { type NetworkStore, networkStore } from './store.ts';

export interface NetworksDeps {
  entity: Pick<Entity, 'request' | 'isOnline' | 'bareJid'>;
  site: Kept['site'];
  store: NetworkStore;
  macs: MacPlan;
  /** Subnet of hosts that meet by WireGuard. */
  mesh: string;
  clock: Clock;
  log: Record<'warn', (fields: object, message: string) => void>;
  onBug(error: unknown): void;
}

/** A change that is kept, and what is to be told of hosts that have not taken it. */
export interface CarriedOut {
  made: Made;
  problems: string[];
}

export type Next = (state: NetworkState) => NetworkState;
type Asked = Pick<Call, 'requester' | 'operation'>;

const KEEP_MS = 90 * 86_400_000;

/** The networks of the site: what is wanted, and hosts that do their part. */
export class Networks {
  readonly book: NetworkBook;
  readonly handing: HandingOut;
  readonly macs: MacPlan;
  /** Guests that move: their networks are at the host that they go to before they are. */
  readonly moves: Moves = moves();

  readonly #looks: Looks;
  readonly #off: () => void;
  readonly #inLine = oneLine();

  private constructor(deps: NetworksDeps, state: NetworkState) {
    this.book = new NetworkBook(deps.store, state);
    this.handing = new HandingOut({ ...deps, book: this.book, moves: this.moves });
    this.macs = deps.macs;
    this.#looks = looks({ ...deps, book: this.book });
    this.#off = this.handing.onStand(() => {
      this.#passOn().catch((error: unknown) => {
        if (!(error instanceof Failure)) return deps.onBug(error);
        // It is tried again when the next host says something.
        deps.log.warn({ problem: error.message }, 'a router is not passed on');
      });
    });
  }

  static async start(deps: NetworksDeps): Promise<Networks> {
    await deps.store.prune(new Date(deps.clock.now() - KEEP_MS).toISOString());
    return new Networks(deps, await deps.store.load());
  }

  get state(): NetworkState {
    return this.book.state;
  }

  /**
   * Change what is wanted, and have the hosts do it. Where one refuses a part that is new, or cannot make it, all is as before.
   *
   * @throws Failure network-host; whatever `next` throws; host-space
   */
  async make(call: Asked, next: Next): Promise<CarriedOut> {
    const ailing = new Set(this.#troubles());
    const made = await this.book.change(operationOf(call), next);
    const stands = await this.#realise(made);
    const bad = stands.flatMap((stand) => refusalsOf(stand, made.change, ailing));
    if (bad[0]) {
      const { host, problem } = bad[0];
      const isUndone = await this.undo(call, made);
      const rest = isUndone ? 'nothing is changed' : 'it is used by now, so it stays';
      throw new Failure('network-host', { host, problem: `${problem}; ${rest}` });
    }
    return { made, problems: stands.flatMap(problemOf) };
  }

  /** Change what is wanted, whatever the hosts make of it: what they cannot do now is told, and they are asked again. */
  async take(call: Asked, next: Next): Promise<CarriedOut> {
    const made = await this.book.change(operationOf(call), next);
    const stands = await this.#realise(made);
    return { made, problems: [...stands, ...(await this.#passOn())].flatMap(problemOf) };
  }

  /** What an operation changed before, where it was cut off behind that. */
  async earlier(call: Asked): Promise<Pick<Made, 'change'> | undefined> {
    const change = await this.book.earlier(operationOf(call));
    return change && { change };
  }

  /** @returns false: somebody uses it by now, so it stays */
  async undo(call: Asked, made: Made): Promise<boolean> {
    const isUndone = await this.book.undo(operationOf(call), made);
    if (isUndone) await this.#realise({ before: made.after, after: made.before });
    return isUndone;
  }

  /**
   * Have a leg of a host on a network, from which probes look: made where there is none yet, and taken away a while after all have let go of it.
   *
   * @throws Failure as `make`
   */
  lookFrom(network: string, host: string, call: Asked): Promise<Disposable> {
    return this.#looks.from(network, host, () =>
      this.make(call, (state) => addLook(state, { network, host }, this.macs)),
    );
  }

  /** Whether a network is there and wanted down. */
  isStopped(network: string): boolean {
    return this.state.networks.get(network)?.wanted === 'down';
  }

  /** What is not as it is wanted of a network or a router, on all hosts. */
  problemsOf(what: 'network' | 'router', name: string): string[] {
    const { handing } = this;
    const standOf = (host: string): Stand => handing.standOf(host);
    return problemsOf({ compiled: handing.compiled, standOf }, this.state, { what, name });
  }

  /** What a router was given outside by DHCP, as far as its host has said. */
  givenTo({ name, host }: Pick<SiteRouter, 'name' | 'host'>): GivenOutside | undefined {
    return givenIn(this.handing.standOf(host), name);
  }

  /** How a host stands may be something else, or what is wanted of it. */
  onStand(listener: () => void): () => void {
    return this.handing.onStand(listener);
  }

  stop(): void {
    this.#off();
    this.#looks.stop();
    this.handing.stop();
  }

  /** Give routers that a host has let go of to those where they shall run. One at a time, so that whoever comes later waits for it too. */
  #passOn(): Promise<Stand[]> {
    return this.#inLine(async () => {
      const next: Next = (state) => letGo(state, (router, host) => this.handing.hasLeft(router, host));
      if (next(this.state) === this.state) return [];
      return this.#realise(await this.book.change(`passed on ${randomUUID()}`, next));
    });
  }

  #realise({ before, after }: Pick<Made, 'before' | 'after'>): Promise<Stand[]> {
    return this.handing.settle(this.handing.concernedBy(before, after));
  }

  #troubles(): string[] {
    return this.handing.compiled.hosts.flatMap((host) => this.handing.standOf(host).troubles.map(keyOf));
  }
}

const operationOf = ({ requester, operation }: Asked): string =>
  createHash('sha256')
    .update(JSON.stringify([requester.bareJid, operation]))
    .digest('hex');

/** The same, from what central keeps. */
export const siteNetworks = (
  { database, writer, site }: Pick<Kept, 'database' | 'writer' | 'site'>,
  deps: Pick<NetworksDeps, 'entity' | 'macs' | 'mesh' | 'log' | 'onBug'>,
): Promise<Networks> =>
  Networks.start({ ...deps, site, store: networkStore(database, writer, systemClock.now), clock: systemClock });
