import assert from 'node:assert/strict';
import type { DatabaseSync } from 'node:sqlite';
import type { AskAgent } from '#central/agents/caller.ts';
import { paused } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';
import type { Job } from '#shared/model/job.ts';
import { manualClock } from '#test/unit/support/manual-clock.ts';
import { siteOf } from '#test/unit/support/site.ts';
import { ModelCentral } from './central.ts';
import { recordOf } from './driver.ts';
import { ModelHost, Ways } from './host.ts';

export const HOSTS = ['host1', 'host2'] as const;
export type Host = (typeof HOSTS)[number];

/** One thing that happens; between two of them, programs come as far as `turns` of the event loop let them. */
export type Event = { turns: number } & (
  | { is: 'step' }
  | { is: 'time'; ms: number }
  | { is: 'cancel' }
  | { is: 'kill' | 'start'; what: 'central' | Host }
  /** Between central and a host. `late`: what is asked meanwhile comes when it is whole again, and nobody hears the answer. */
  | { is: 'link'; host: Host; how: 'whole' | 'cut' | 'late' }
  | { is: 'way'; isCut: boolean }
);

export interface Plan {
  events: readonly Event[];
  killedAt: { commit: number; when: 'before' | 'after' } | undefined;
}

type Link = (Event & { is: 'link' })['how'];

/** A guest that is moved from host1 to host2, while things happen. */
export class Scene {
  readonly hosts: Readonly<Record<Host, ModelHost>>;
  readonly central: ModelCentral;
  readonly #clock = manualClock();
  readonly #ways = new Ways();
  readonly #links: Record<Host, Link> = { host1: 'whole', host2: 'whole' };
  readonly #late: Record<Host, (() => void)[]> = { host1: [], host2: [] };
  readonly #site;
  readonly #log: string[] = [];

  constructor(plan: Plan, databases: Readonly<Record<Host, DatabaseSync>>, operation: string) {
    const hostOf = (name: Host): ModelHost =>
      new ModelHost({
        ...{ name, ways: this.#ways, database: databases[name] },
        hypervisorAt: (host) => this.hosts[host as Host]?.hypervisor,
        onJob: (host, job) => this.#told(host as Host, job),
      });
    this.hosts = { host1: hostOf('host1'), host2: hostOf('host2') };
    this.hosts.host1.hypervisor.guest = { state: 'running' };
    const there = recordOf('host1', this.hosts.host1.hypervisor);
    this.#site = siteOf({ host1: there ? [there] : [], host2: [] });
    const { killedAt } = plan;
    this.central = new ModelCentral({ site: this.#site, clock: this.#clock, ask: this.#ask, operation, killedAt });
  }

  /** What became of it, when all things have happened and there is peace. */
  async play({ events }: Plan): Promise<{ job: Job | undefined; log: string[] }> {
    for (const name of HOSTS) await this.hosts[name].start();
    for (const name of HOSTS) this.#report(name);
    this.central.start();
    await this.#turn(10);
    this.central.move('host2');
    for (const event of events) {
      this.#log.push(JSON.stringify(event));
      await this.#happen(event);
      await this.#turn(event.turns);
    }
    this.#log.push('peace');
    for (let round = 0; round < 60; round++) {
      if (this.#isOver() && round > 3) break;
      this.#ways.cut(false);
      for (const host of HOSTS) await this.#happen({ is: 'link', host, how: 'whole', turns: 0 });
      for (const what of ['central', ...HOSTS] as const) await this.#happen({ is: 'start', what, turns: 0 });
      await this.#turn(20);
      await this.#happen({ is: 'step', turns: 0 });
      this.#clock.advance(10_000);
      await this.#turn(20);
    }
    const { job } = this.central;
    for (const name of HOSTS) this.hosts[name].kill();
    this.central.kill();
    return { job, log: this.#log };
  }

  #isOver(): boolean {
    const { job, left } = this.central;
    return job?.state !== 'running' && left === 0 && !this.hosts.host1.hypervisor.outgoing;
  }

  async #happen(event: Event): Promise<void> {
    if (event.is === 'step') this.hosts.host1.hypervisor.step();
    else if (event.is === 'time') this.#clock.advance(event.ms);
    else if (event.is === 'cancel') this.central.cancel();
    else if (event.is === 'way') this.#ways.cut(event.isCut);
    else if (event.is === 'link') this.#link(event.host, event.how);
    else if (event.what === 'central') this.central[event.is]();
    else await this.hosts[event.what][event.is]();
  }

  #link(host: Host, how: Link): void {
    this.#links[host] = how;
    if (how !== 'whole') return;
    for (const deliver of this.#late[host].splice(0)) deliver();
  }

  /** Programs run, reports come, and at no moment is the guest lost, or anywhere but where it may be. */
  async #turn(turns: number): Promise<void> {
    for (let turn = 0; turn <= turns; turn++) {
      this.#check();
      for (const host of HOSTS) this.#report(host);
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    this.#check();
  }

  #check(): void {
    const states = HOSTS.map((host) => this.hosts[host].hypervisor.guest?.state);
    const said = `${states.join(', ')} after ${this.#log.join(' ')}`;
    assert.ok(
      states.some((state) => state !== undefined),
      `it is lost: ${said}`,
    );
    assert.ok(states[1] !== 'running' || states[0] === undefined, `it runs there while it is here: ${said}`);
  }

  #isHeard(host: Host): boolean {
    return this.#links[host] === 'whole' && this.hosts[host].agent !== undefined && this.central.isAlive;
  }

  #told(host: Host, job: Job): void {
    if (this.#isHeard(host)) this.central.hears(host, job);
  }

  #report(name: Host): void {
    if (!this.#isHeard(name)) return;
    const { known } = this.#site.host(name);
    const guest = recordOf(name, this.hosts[name].hypervisor);
    if (this.#site.host(name).reach === 'heard' && [...known.guests.values()][0]?.state === guest?.state) return;
    const report = { epoch: known.epoch, seq: known.seq + 1, part: 0, more: false, gone: [], jobs: [] };
    const facts = { host: { state: 'up' as const, version: '1' }, guests: guest ? [guest] : [] };
    this.#site.take(`${name}@skerry.test`, { ...report, ...facts, kind: 'snapshot' }).catch(() => {});
  }

  /** As the real one: it waits a while for an answer, and then says what it knows. */
  readonly #ask: AskAgent = async (to, verb, row, args, call) => {
    const host = to.name as Host;
    const { operation, requester, supersedes, signal } = call;
    const unreachable = new Failure('host-unreachable', { host, problem: 'it is not heard' });
    const uncertain = row.risk === 'read' ? unreachable : new Failure('operation-uncertain', { operation });
    const request = {
      ...{ verb, args, operation, confirmed: true, surface: 'central' as const },
      requester: { bareJid: 'central.x', fullJid: 'central.x', behalfOf: requester.bareJid },
      ...(supersedes ? { supersedes } : {}),
    };
    const answer = Promise.withResolvers<Awaited<ReturnType<AskAgent>>>();
    answer.promise.catch(() => {});
    const isLate = this.#links[host] === 'late';
    const deliver = (): void => {
      const { agent } = this.hosts[host];
      if (!agent) return;
      const value = agent.perform(request).then(({ kind, ...rest }) => {
        const given = structuredClone('job' in rest ? rest.job : rest.value);
        return { value: given, isJob: kind === 'job' } as Awaited<ReturnType<AskAgent>>;
      });
      // Who has asked late has given up; and an answer by a way that is cut meanwhile is lost.
      const isLost = (): boolean => isLate || this.#links[host] !== 'whole';
      value.then(
        (given) => isLost() || answer.resolve(given),
        (error) => isLost() || answer.reject(error),
      );
    };
    if (isLate) this.#late[host].push(deliver);
    else if (this.#links[host] === 'cut' || !this.hosts[host].agent) throw unreachable;
    else deliver();
    const patience = paused(this.#clock, 20_000, signal).then(() => {
      throw uncertain;
    });
    return Promise.race([answer.promise, patience]);
  };
}
