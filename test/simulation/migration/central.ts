import assert from 'node:assert/strict';
import type { AskAgent } from '#central/agents/caller.ts';
import { jobFeed } from '#central/agents/job-feed.ts';
import type { Site } from '#central/inventory/site.ts';
import { type Move, moveBook } from '#central/moving/book.ts';
import { siteMoving } from '#central/moving/moving.ts';
import { moves } from '#central/networks/moves.ts';
import { migrationHandlers } from '#central/verbs/migration.ts';
import type { Clock } from '#shared/clock.ts';
import { type Job, jobIdOf, jobNumberOf } from '#shared/model/job.ts';
import type { JobTable, LeftJob } from '#shared/verb/job-keeper.ts';
import { jobRunner } from '#shared/verb/job-runner.ts';
import { movingVerbs } from '#shared/verbs/migration.ts';
import { NAME } from './driver.ts';
import { type Life, life } from './life.ts';

export interface CentralDeps {
  site: Site;
  clock: Clock;
  ask: AskAgent;
  operation: string;
  /** The commit that central is killed at: before it is on the disk, or after. */
  killedAt: { commit: number; when: 'before' | 'after' } | undefined;
}

/** Central, in one life after the other: the real handlers, jobs and book of moves, on what was written. */
export class ModelCentral {
  readonly #deps: CentralDeps;
  readonly #moves = new Map<string, Move>();
  readonly #jobs = new Map<number, LeftJob>();
  #commits = 0;
  #life: Life | undefined;
  #running: { jobs: ReturnType<typeof jobRunner>; feed: ReturnType<typeof jobFeed> } | undefined;
  #handlers: ReturnType<typeof migrationHandlers> | undefined;

  constructor(deps: CentralDeps) {
    this.#deps = deps;
  }

  get isAlive(): boolean {
    return this.#running !== undefined;
  }
  get job(): Job | undefined {
    return this.#jobs.get(1)?.job;
  }
  /** What is left to say. */
  get left(): number {
    return [...this.#moves.values()].filter(({ toldAtMs }) => toldAtMs === undefined).length;
  }

  kill(): void {
    this.#life?.end();
    this.#running = undefined;
  }

  start(): void {
    if (this.#running) return;
    const { site, clock, ask } = this.#deps;
    const own = life();
    const written = (write: () => void) => own.outside(() => this.#commit(write));
    const feed = jobFeed();
    const jobs = jobRunner({ table: this.#table(written), now: Date.now, onBug: assert.fail });
    const book = moveBook([...this.#moves.values()], {
      put: (move) => written(() => this.#moves.set(move.id, move)),
      remove: (id) => written(() => this.#moves.delete(id)),
    });
    const asking: AskAgent = (...args) => own.outside(() => ask(...args));
    const log = { info: () => {}, warn: () => {} };
    const moving = siteMoving({ site, book, clock, log, ask: asking, onBug: assert.fail });
    const handlers = migrationHandlers({
      ...{ site, clock, feed, ask: asking, secret: 'secret', may: () => true },
      ...{ book: moving.book, stopping: moving.stopping },
      networks: { state: { ports: new Map() }, moves: moves() } as never,
    });
    this.#life = own;
    this.#running = { jobs, feed };
    this.#handlers = handlers;
    jobs.resume(movingVerbs, handlers);
    moving.endLeft();
  }

  /** A person asks for it. */
  move(to: string): void {
    const requester = { bareJid: 'ann@x', fullJid: 'ann@x/1' };
    const { operation } = this.#deps;
    const call = { verb: 'guest.migrate', surface: 'form', requester, operation } as const;
    const whole = { ...call, signal: AbortSignal.any([]), progress: () => {} };
    const row = movingVerbs['guest.migrate'];
    const args = { guest: NAME, to };
    void this.#running?.jobs.start(whole, row, args, (jobCall) => {
      assert.ok(this.#handlers);
      return this.#handlers['guest.migrate'](args, jobCall);
    });
  }

  cancel(): void {
    const { job } = this;
    if (job?.state === 'running') void this.#running?.jobs.cancel(job.id).catch(() => {});
  }

  hears(host: string, job: Job): void {
    this.#running?.feed.heard(host, [job]);
  }

  /** What is written is on the disk, unless central is killed before it is. */
  async #commit(write: () => void): Promise<void> {
    const { killedAt } = this.#deps;
    const isDue = ++this.#commits === killedAt?.commit;
    if (isDue && killedAt?.when === 'before') return this.kill();
    await Promise.resolve();
    write();
    if (isDue) this.kill();
  }

  #table(written: (write: () => void) => Promise<void>): JobTable {
    const rows = this.#jobs;
    const put = (job: Job) =>
      written(() => {
        const before = rows.get(jobNumberOf(job.id));
        if (before?.job.state === 'running') rows.set(jobNumberOf(job.id), { ...before, job });
      });
    return {
      put,
      end: put,
      add: async (jobOf, args, asker, operation) => {
        const n = rows.size + 1;
        const job = jobOf(jobIdOf(n));
        await written(() => rows.set(n, { job, args, asker, operation }));
        return job;
      },
      find: (id) => rows.get(jobNumberOf(id))?.job,
      list: () => [...rows.values()].map(({ job }) => job),
      running: () => [...rows.values()].filter(({ job }) => job.state === 'running'),
    };
  }
}
