import { createHash, randomUUID } from 'node:crypto';
import type { Kept } from '#central/kept.ts';
import { type Clock, systemClock } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';
import type { GivenOutside } from '#shared/model/network.ts';
import type { Call } from '#shared/verb/request.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import type { MacPlan } from './allotment.ts';
import { type Made, NetworkBook } from './book.ts';
import { HandingOut, type Stand } from './handing-out.ts';
import { type HeldLooks, heldLooks } from './held-looks.ts';
import { type Moves, moves } from './moves.ts';
import { addLook } from './network-changes.ts';
import { letGo } from './router-moves.ts';
import { type Change, idOfRow, type NetworkState, type Rows, type SiteRouter, withoutRow } from './state.ts';
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
const RELEASE_MS = 60_000;

/** The networks of the site: what is wanted, and hosts that do their part. */
export class Networks {
  readonly book: NetworkBook;
  readonly handing: HandingOut;
  readonly macs: MacPlan;
  /** Guests that move: their networks are at the host that they go to before they are. */
  readonly moves: Moves = moves();

  readonly #held: HeldLooks;
  readonly #offs: (() => void)[] = [];
  #passing: Promise<unknown> = Promise.resolve();
  #releasing: Promise<unknown> = Promise.resolve();

  private constructor(deps: NetworksDeps, state: NetworkState) {
    this.book = new NetworkBook(deps.store, state);
    this.handing = new HandingOut({ ...deps, book: this.book, moves: this.moves });
    this.macs = deps.macs;
    this.#held = heldLooks(deps.clock);
    this.#offs.push(this.#releaseLooksIn(deps));
    const off = this.handing.onStand(() => {
      this.#passOn().catch((error: unknown) => {
        if (!(error instanceof Failure)) return deps.onBug(error);
        // It is tried again when the next host says something.
        deps.log.warn({ problem: error.message }, 'a router is not passed on');
      });
    });
    this.#offs.push(off);
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
  async lookFrom(network: string, host: string, call: Asked): Promise<Disposable> {
    const id = idOfRow('looks', { network, host });
    using stack = new DisposableStack();
    stack.use(this.#held.hold(id));
    // One that is just being taken away is made again.
    await this.#releasing;
    if (!this.state.looks.has(id)) await this.make(call, (state) => addLook(state, { network, host }, this.macs));
    return stack.move();
  }

  /** Whether a network is there and wanted down. */
  isStopped(network: string): boolean {
    return this.state.networks.get(network)?.wanted === 'down';
  }

  /** What is not as it is wanted of a network or a router, on all hosts. */
  problemsOf(what: 'network' | 'router', name: string): string[] {
    const { compiled } = this.handing;
    const planned = compiled.troubles.filter((each) => each.what === what && each.name === name);
    const hosts = what === 'network' ? compiled.realisersOf(name) : [this.state.routers.get(name)?.host ?? ''];
    const told = hosts.flatMap((host) => {
      const stand = this.handing.standOf(host);
      const own = stand.troubles.filter((trouble) => isOf(this.state, trouble, what, name));
      return [...problemOf(stand), ...own.map(({ problem }) => `${host}: ${problem}`)];
    });
    const host = this.state.routers.get(name)?.host;
    const waits = what === 'router' && host !== undefined ? this.givenTo({ name, host })?.problem : undefined;
    return [...planned.map(({ problem }) => problem), ...told, ...(waits === undefined ? [] : [`${host}: ${waits}`])];
  }

  /** What a router was given outside by DHCP, as far as its host has said. */
  givenTo({ name, host }: Pick<SiteRouter, 'name' | 'host'>): GivenOutside | undefined {
    return this.handing.standOf(host).given.find(({ router }) => router === name);
  }

  /** How a host stands may be something else, or what is wanted of it. */
  onStand(listener: () => void): () => void {
    return this.handing.onStand(listener);
  }

  stop(): void {
    for (const off of this.#offs) off();
    this.handing.stop();
  }

  /** Give routers that a host has let go of to those where they shall run. One at a time, so that whoever comes later waits for it too. */
  #passOn(): Promise<Stand[]> {
    const turn = this.#passing.then(async () => {
      const next: Next = (state) => letGo(state, (router, host) => this.handing.hasLeft(router, host));
      if (next(this.state) === this.state) return [];
      return this.#realise(await this.book.change(`passed on ${randomUUID()}`, next));
    });
    this.#passing = turn.catch(() => {});
    return turn;
  }

  /** Take legs away that nobody looks from any more, from time to time. Hosts that are away hear of it when they are back. */
  #releaseLooksIn({ clock, log, onBug }: Pick<NetworksDeps, 'clock' | 'log' | 'onBug'>): () => void {
    let callOff = (): void => {};
    const again = (): void => {
      callOff = clock.after(RELEASE_MS, () => {
        again();
        this.#releasing = this.#releaseLooks().catch((error: unknown) => {
          if (!(error instanceof Failure)) return onBug(error);
          log.warn({ problem: error.message }, 'legs that nobody looks from are still there');
        });
      });
    };
    again();
    return () => callOff();
  }

  async #releaseLooks(): Promise<void> {
    const next: Next = (state) =>
      [...state.looks.keys()]
        .filter((id) => this.#held.isIdle(id))
        .reduce((before, id) => withoutRow(before, 'looks', id), state);
    if (next(this.state) !== this.state) await this.book.change(`released ${randomUUID()}`, next);
  }

  #realise({ before, after }: Pick<Made, 'before' | 'after'>): Promise<Stand[]> {
    return this.handing.settle(this.handing.concernedBy(before, after));
  }

  #troubles(): string[] {
    return this.handing.compiled.hosts.flatMap((host) => this.handing.standOf(host).troubles.map(keyOf));
  }
}

type Trouble = Stand['troubles'][number];
const keyOf = ({ what, name, problem }: Trouble): string => `${what} ${name} ${problem}`;

const isOf = (
  { networks, ports }: NetworkState,
  trouble: Trouble,
  what: 'network' | 'router',
  name: string,
): boolean => {
  // Without its link nothing is joined.
  if (trouble.what === 'mesh') return what === 'network' && networks.get(name)?.vni !== null;
  if (trouble.what === 'port') return what === 'network' && ports.get(trouble.name)?.network === name;
  return trouble.what === 'look'
    ? what === 'network' && trouble.name === name
    : trouble.what === what && trouble.name === name;
};

const operationOf = ({ requester, operation }: Asked): string =>
  createHash('sha256')
    .update(JSON.stringify([requester.bareJid, operation]))
    .digest('hex');

/** What a host said of that which a change touched; what ailed before is not of this change. */
function refusalsOf(stand: Stand, change: Change, ailing: ReadonlySet<string>): { host: string; problem: string }[] {
  const { host, how, problem = '', troubles } = stand;
  if (how === 'refused') return [{ host, problem }];
  const touched = new Set(change.flatMap(namesIn));
  return troubles
    .filter((trouble) => !ailing.has(keyOf(trouble)) && touched.has(`${trouble.what} ${trouble.name}`))
    .map((trouble) => ({
      host,
      problem: bare(trouble.problem.replace(`The host ${host} could not do its part: `, '')),
    }));
}

const bare = (sentence: string): string => sentence.replace(/\.$/, '');

/** The names by which hosts tell troubles of a row. */
function namesIn({ kind, after }: Change[number]): string[] {
  if (after === null) return [];
  if (kind === 'networks') return [`network ${(after as Rows['networks']).name}`];
  if (kind === 'routers') {
    const { name, outside, legs } = after as Rows['routers'];
    return [`router ${name}`, ...[outside, ...legs].flatMap((leg) => (leg ? [`network ${leg.network}`] : []))];
  }
  if (kind === 'ports') {
    const { mac, network } = after as Rows['ports'];
    return [`port ${mac}`, `network ${network}`];
  }
  if (kind === 'looks') {
    const { network } = after as Rows['looks'];
    return [`look ${network}`, `network ${network}`];
  }
  return [`router ${(after as Rows['forwards' | 'ingress']).router}`];
}

/** Of a host that has not taken its part. */
function problemOf({ host, how, problem }: Stand): string[] {
  if (how === 'taken') return [];
  const rest =
    how === 'refused'
      ? 'it has not done its part'
      : `it will do its part when it ${how === 'away' ? 'is back' : 'can'}`;
  return [`${host}: ${problem}; ${rest}`];
}

/** The same, from what central keeps. */
export const siteNetworks = (
  { database, writer, site }: Pick<Kept, 'database' | 'writer' | 'site'>,
  deps: Pick<NetworksDeps, 'entity' | 'macs' | 'mesh' | 'log' | 'onBug'>,
): Promise<Networks> =>
  Networks.start({ ...deps, site, store: networkStore(database, writer, systemClock.now), clock: systemClock });
