import assert from 'node:assert/strict';
import type { Graph } from '#shared/chain/compile.ts';
import { advance } from '#shared/chain/engine.ts';
import { begin } from '#shared/chain/orders.ts';
import { type Action, type Fact, hasEnded, outstanding, type Run, watched } from '#shared/chain/run.ts';
import { checkPure, checkStep } from '#test/unit/support/chains/invariants.ts';
import type { Random } from './random.ts';
import type { Site, Told } from './site.ts';
import type { Timeline } from './timeline.ts';

const RESEND_MS = 20_000;
const PROBE_MS = 5_000;
/** What central's clock says when it all begins. */
const BEGAN_AT = 1_800_000_000_000;

/**
 * Central as a runner: it steps a run whenever it hears something or a wait is over, stores the run before it sends what
 * came of it, sends again what is not answered, and after its death knows nothing but the run it stored.
 */
export class Central {
  /** How far its clock is off, ms. */
  skewMs = 0;
  /** The chance to die in a step that sends something: before the run is stored, after, or with part of it sent. */
  deadly = 0;
  isAlive = true;
  stored: Run;
  steps = 0;
  readonly #graph: Graph;
  readonly #time: Timeline;
  readonly #random: Random;
  #site: Site | undefined;
  #facts = new Map<string, Fact>();
  #outcomes = new Map<string, { ok: boolean; problem?: string }>();
  #seqs = new Map<number, number>();
  readonly #sent = new Map<string, string>();
  #wakeAt: number | undefined;

  constructor(graph: Graph, time: Timeline, random: Random) {
    this.#graph = graph;
    this.#time = time;
    this.#random = random;
    this.stored = begin(graph, 'r', 'up', [], BEGAN_AT);
  }

  get now(): number {
    return BEGAN_AT + this.#time.now + this.skewMs;
  }

  attach(site: Site): void {
    this.#site = site;
    const probe = (): void => {
      this.#probe();
      this.#time.in(PROBE_MS, probe);
    };
    this.#time.in(PROBE_MS, probe);
    const resend = (): void => {
      if (this.isAlive) for (const action of outstanding(this.stored)) this.#send(action);
      for (const host of site.hosts) site.report(host);
      this.#time.in(RESEND_MS, resend);
    };
    this.#time.in(RESEND_MS, resend);
  }

  hear(told: Told): undefined {
    if (!this.isAlive) return;
    if (told.is === 'answer') this.#outcomes.set(told.id, told);
    else {
      if (told.seq <= (this.#seqs.get(told.host) ?? 0)) return;
      this.#seqs.set(told.host, told.seq);
      for (const [name, isUp] of told.up) {
        const probe = this.#facts.get(name)?.probe;
        this.#facts.set(name, { state: isUp ? 'up' : 'down', ...(isUp && probe ? { probe } : {}) });
      }
    }
    this.step();
  }

  /** A host cannot be reached: nothing is known of what is on it. */
  lose(host: number): void {
    for (const [name, fact] of this.#facts)
      if (this.#site?.hostOf(name).at === host) this.#facts.set(name, { ...fact, state: 'unknown' });
    if (this.isAlive) this.step();
  }

  order(change: (run: Run, now: number) => Run): void {
    if (!this.isAlive) return;
    this.stored = change(this.stored, this.now);
    this.step();
  }

  die(): void {
    this.isAlive = false;
    this.#facts = new Map();
    this.#outcomes = new Map();
    this.#seqs = new Map();
  }

  live(): void {
    if (this.isAlive) return;
    this.isAlive = true;
    for (const action of outstanding(this.stored)) this.#send(action);
    for (const host of this.#site?.hosts ?? []) this.#site?.report(host);
    this.step();
  }

  resendTo(host: number): void {
    if (!this.isAlive) return;
    for (const action of outstanding(this.stored)) if (this.#site?.hostOf(action.node).at === host) this.#send(action);
  }

  step(): undefined {
    if (!this.isAlive || hasEnded(this.stored)) return;
    const facts = { nodes: this.#facts, outcomes: this.#outcomes };
    const before = this.stored;
    const step = advance(this.#graph, before, facts, this.now);
    checkStep(this.#graph, before, facts, this.now, step);
    if (++this.steps % 32 === 0) checkPure(this.#graph, before, facts, this.now, step);
    const crash = step.actions.length > 0 && this.#random.chance(this.deadly) ? this.#random.of([0, 1, 2]) : undefined;
    if (crash === 0) return this.#dieForAWhile();
    this.stored = step.run;
    const sent = crash === 1 ? [] : crash === 2 ? step.actions.slice(1) : step.actions;
    for (const action of sent) this.#send(action);
    if (crash !== undefined) return this.#dieForAWhile();
    this.#wake(step.wakeAt);
  }

  #dieForAWhile(): undefined {
    this.die();
    this.#time.in(this.#random.between(100, 20_000), () => this.live());
  }

  /** The same id is always the same operation. */
  #send({ node, operation }: Action): void {
    const said = JSON.stringify([node, operation]);
    assert.equal(this.#sent.get(operation.id) ?? said, said, 'one id, two operations');
    this.#sent.set(operation.id, said);
    this.#site?.ask(node, operation);
  }

  #wake(at: number | undefined): void {
    if (at === undefined || at === this.#wakeAt) return;
    this.#wakeAt = at;
    this.#time.in(at - this.now, () => {
      if (this.#wakeAt !== at) return;
      this.#wakeAt = undefined;
      this.step();
    });
  }

  #probe(): void {
    if (!this.isAlive || hasEnded(this.stored)) return;
    for (const { name } of watched(this.#graph, this.stored)) {
      const isGood = this.#site?.answers(name);
      const fact = this.#facts.get(name) ?? { state: 'unknown' };
      const { probe, ...rest } = fact;
      const { now } = this;
      if (isGood) {
        const isNext = probe !== undefined && probe.at <= now && fact.state !== 'down';
        const good = isNext ? probe.good + 1 : 1;
        this.#facts.set(name, { ...rest, probe: { good, from: isNext ? probe.from : now, at: now } });
      } else if (isGood === false) this.#facts.set(name, rest);
    }
    this.step();
  }
}
