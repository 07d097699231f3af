/**
 * Responsibilities: carry out what is ordered of chains.
 *
 * Theory of operation: a chain has at most one run that goes on; an order turns it, or begins one. Runs are carried out by
 * conductors (shared/conduct), with what the inventory and probes tell as facts, and agents as hands. What was going on when central
 * ended goes on when it begins.
 *
 * What can go wrong: two chains want the opposite of one node. The later order is refused. A chain would change while it runs: refused,
 * since a run knows its nodes by place.
 */

import type { Site } from '#central/inventory/site.ts';
import type { Step } from '#shared/chain/engine.ts';
import { begin, cancel, conflicts, hold, redirect } from '#shared/chain/orders.ts';
import { type Plan, plan } from '#shared/chain/plan.ts';
import { type Fact, fits, hasEnded, type Run } from '#shared/chain/run.ts';
import type { Clock } from '#shared/clock.ts';
import { type Conductor, type ConductorDeps, conductor } from '#shared/conduct/conductor.ts';
import { Failure } from '#shared/errors.ts';
import { oneLine } from '#shared/turns.ts';
import type { ChainBook, KnownChain } from './book.ts';
import type { carrier } from './carry.ts';
import { missingOf } from './facts.ts';
import type { ManagedNodes } from './managed-nodes.ts';
import type { Probing } from './probing.ts';
import { type RunFacts, runFacts } from './run-facts.ts';
import type { ChainStore, StoredRun } from './store.ts';
import { timesBetween } from './times.ts';

export interface RunsDeps {
  book: ChainBook;
  site: Site;
  store: ChainStore;
  probing: Probing;
  carry: ReturnType<typeof carrier>;
  /** Nodes that are not guests. */
  managed: ManagedNodes;
  clock: Clock;
  onBug(error: unknown): void;
}

/** A run that goes on, or the last one. */
export interface RunView {
  run: Run;
  step: Step;
  requester: string;
}

export interface Order {
  chain: string;
  goal: 'up' | 'down';
  /** Names of nodes; none means all. */
  part: readonly string[];
  /** Bare JID: on whose behalf it acts. */
  requester: string;
  /** The same id is the same run. */
  id: string;
}

export type RunListener = (chain: KnownChain, before: Run, step: Step, requester: string) => void;

interface Going {
  requester: string;
  conductor: Conductor;
}

export class ChainRuns {
  readonly #deps: RunsDeps;
  readonly #facts: RunFacts;
  readonly #going = new Map<string, Going>();
  readonly #listeners = new Set<RunListener>();

  constructor(deps: RunsDeps) {
    this.#deps = deps;
    this.#facts = runFacts(deps);
  }

  /** Go on with what an earlier central left. */
  async resume(): Promise<void> {
    for (const open of await this.#deps.store.open()) {
      const chain = this.#deps.book.get(open.run.chain);
      if (chain && fits(chain.graph, open.run)) this.#goOn(chain, open);
    }
  }
  stop(): void {
    for (const { conductor: each } of this.#going.values()) each.stop();
  }

  /** Orders, and changes of chains, come one after the other. */
  readonly inTurn = oneLine();
  /** @throws Failure chain-running */
  refuseGoing(name: string): void {
    const going = this.#going.get(name);
    if (going) throw new Failure('chain-running', { chain: name, run: going.conductor.run.id });
  }

  /** What an order would do. @throws Failure chain-not-found, chain-node-unknown */
  plan(name: string, goal: 'up' | 'down', part: readonly string[]): Plan {
    const { graph, past } = this.#deps.book.find(name);
    const facts = this.#facts.all(graph, this.#going.get(name)?.conductor.run);
    const others = [...this.#going].filter(([other]) => other !== name).map(([, { conductor: each }]) => each.run);
    return plan(graph, { goal, part, facts, history: past, others, now: this.#deps.clock.now() });
  }
  /** Of a plan to bring it up, what is not there to be started: `lan: there is no network lan: …`. */
  missing(name: string, { goal, nodes }: Plan): string[] {
    const { graph } = this.#deps.book.find(name);
    const taken = new Set(nodes.map((node) => node.name));
    return missingOf(this.#deps, goal === 'up' ? graph.nodes.filter((node) => taken.has(node.name)) : []);
  }
  /** @throws Failure chain-not-found, chain-node-unknown, chain-conflict, host-space */
  order(order: Order): Promise<Run> {
    return this.inTurn(() => this.#order(order));
  }
  /**
   * Bring a chain up that shall be up, unless it is on its way already or was ordered down by now. A run that only watches ends: it sees to what
   * is kept alone, and the new one to all, and then watches in its place.
   *
   * @throws Failure chain-not-found, chain-conflict, host-space
   */
  startByItself({ chain: name, requester, id }: Pick<Order, 'chain' | 'requester' | 'id'>): Promise<void> {
    return this.inTurn(async () => {
      const chain = this.#deps.book.find(name);
      const going = this.#going.get(name);
      if (chain.stored.wanted === 'down' || (going && !going.conductor.run.watching)) return;
      const run = begin(chain.graph, id, 'up', [], this.#deps.clock.now());
      this.#refuseConflicts(run);
      if (going) await this.#endWatch(chain, going);
      await this.#begin(chain, { run, requester });
    });
  }
  /** @throws Failure chain-not-running, chain-node-unknown */
  hold(name: string, nodes: readonly string[], isHeld: boolean): Promise<void> {
    const { graph } = this.#deps.book.find(name);
    return this.#runOf(name).conductor.order((run) => hold(graph, run, nodes, isHeld));
  }
  /** @throws Failure chain-not-running */
  cancel(name: string): Promise<void> {
    return this.#runOf(name).conductor.order((run) => cancel(run, this.#deps.clock.now()));
  }
  /** The run that goes on, else the last one. @throws Failure chain-not-found */
  async view(name: string): Promise<RunView | undefined> {
    this.#deps.book.find(name);
    const going = this.#going.get(name);
    if (going) return { run: going.conductor.run, step: going.conductor.step, requester: going.requester };
    const [last] = await this.#deps.store.runs(name, 1);
    return last && { ...last, step: { run: last.run, actions: [], waits: [] } };
  }
  /** What is known of the nodes now, whatever the last run made of them. @throws Failure chain-not-found */
  now(name: string): ReadonlyMap<string, Fact> {
    return this.#facts.known(this.#deps.book.find(name).graph, undefined);
  }
  /** A run as it is, or was in the end. */
  async find(id: string): Promise<Run | undefined> {
    const going = [...this.#going.values()].find(({ conductor: each }) => each.run.id === id);
    return going ? going.conductor.run : (await this.#deps.store.find(id))?.run;
  }

  /** Something that runs look at may have changed. */
  nudge(): void {
    for (const { conductor: each } of this.#going.values()) each.nudge();
  }
  /** Told of each step. */
  onStep(listener: RunListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async #order({ chain: name, goal, part, requester, id }: Order): Promise<Run> {
    const { book, clock } = this.#deps;
    const chain = book.find(name);
    const known = await this.find(id);
    if (known) return known;
    const going = this.#going.get(name);
    const turn = (run: Run): Run => redirect(chain.graph, run, goal, part, clock.now());
    if (going) {
      this.#refuseConflicts(turn(going.conductor.run));
      going.requester = requester;
      await going.conductor.order(turn);
      return going.conductor.run;
    }
    const run = begin(chain.graph, id, goal, part, clock.now());
    this.#refuseConflicts(run);
    return this.#begin(chain, { run, requester });
  }
  async #begin(chain: KnownChain, begun: StoredRun): Promise<Run> {
    const { book, store } = this.#deps;
    await store.begin(begun);
    book.want(chain.stored.name, begun.run.goal);
    return this.#goOn(chain, begun).conductor.run;
  }
  async #endWatch(chain: KnownChain, { conductor: watching }: Going): Promise<void> {
    await watching.order((run) => cancel(run, this.#deps.clock.now()));
    watching.stop();
    this.#going.delete(chain.stored.name);
    this.#facts.watch(chain.graph, watching.run);
  }

  #goOn(chain: KnownChain, { run, requester }: StoredRun): Going {
    const going: Going = { requester, conductor: conductor(this.#conducting(chain, run)) };
    this.#going.set(chain.stored.name, going);
    this.#facts.watch(chain.graph, run);
    going.conductor.start();
    return going;
  }
  #conducting(chain: KnownChain, run: Run): ConductorDeps {
    const { store, carry, managed, clock, onBug } = this.#deps;
    const { graph } = chain;
    let before = run;
    return {
      ...{ graph, run, clock, onBug },
      facts: (now) => this.#facts.all(graph, now),
      keep: async (next, changed) => {
        const times = timesBetween(before, next, chain.past, clock.now());
        await store.keep(next, changed, times);
        before = next;
        for (const [node, past] of times) chain.past.set(node, past);
      },
      carryOut: (action, signal) => {
        const node = graph.nodes[graph.places.get(action.node) ?? -1];
        const requester = this.#going.get(graph.chain)?.requester;
        if (!node || requester === undefined) throw new Error(`nobody asks for ${action.operation.id}`);
        return managed.carry(node, action, requester, signal) ?? carry(node, action, requester, signal);
      },
      stepped: (old, step) => this.#stepped(chain, old, step),
    };
  }
  #stepped(chain: KnownChain, before: Run, step: Step): void {
    const { run } = step;
    const requester = this.#going.get(run.chain)?.requester ?? '';
    this.#deps.book.want(run.chain, run.goal);
    this.#facts.watch(chain.graph, run);
    if (hasEnded(run)) {
      this.#going.get(run.chain)?.conductor.stop();
      this.#going.delete(run.chain);
    }
    for (const listener of this.#listeners) listener(chain, before, step, requester);
  }
  #refuseConflicts(run: Run): void {
    for (const [name, { conductor: other }] of this.#going) {
      const [node] = name === run.chain ? [] : conflicts(run, other.run);
      if (node !== undefined)
        throw new Failure('chain-conflict', { chain: run.chain, node, other: name, goal: other.run.goal });
    }
  }
  /** @throws Failure chain-not-found, chain-not-running */
  #runOf(name: string): Going {
    this.#deps.book.find(name);
    const going = this.#going.get(name);
    if (!going) throw new Failure('chain-not-running', { chain: name });
    return going;
  }
}
