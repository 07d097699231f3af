import assert from 'node:assert/strict';
import type { DatabaseSync } from 'node:sqlite';
import { type Duplex, duplexPair } from 'node:stream';
import type { HypervisorDriver } from '#agent/drivers/driver.ts';
import type { Inventory } from '#agent/inventory/inventory.ts';
import { jobTable } from '#agent/jobs/job-table.ts';
import { agentJournal } from '#agent/journal/journal.ts';
import { recover } from '#agent/journal/recover.ts';
import { receiving } from '#agent/migration/receiving.ts';
import type { ListenOptions, openChannel } from '#agent/migration/tunnel.ts';
import { migrationHandlers } from '#agent/verbs/migration.ts';
import { Failure } from '#shared/errors.ts';
import type { Job } from '#shared/model/job.ts';
import { jobHandlers } from '#shared/verb/job-handlers.ts';
import { jobRunner } from '#shared/verb/job-runner.ts';
import { performer } from '#shared/verb/perform.ts';
import type { Perform } from '#shared/verb/request.ts';
import { jobVerbs } from '#shared/verbs/job.ts';
import { migrationVerbs } from '#shared/verbs/migration.ts';
import { modelDriver, NAME, recordOf, UUID } from './driver.ts';
import { ModelHypervisor } from './hypervisor.ts';
import { type Life, life } from './life.ts';

const quiet = { info: () => {}, warn: () => {}, error: () => {} };
const TABLE = { ...migrationVerbs, ...jobVerbs };

/** A channel between two agents, by either of its ends. */
interface Channel {
  ends: readonly [Duplex, Duplex];
  to: string;
}

/** The way between agents, which breaks with either of them, or is cut. */
export class Ways {
  isCut = false;
  readonly #listening = new Map<number, { host: string; key: string; accept: ListenOptions['accept'] }>();
  readonly #channels = new Set<Channel>();
  #ports = 0;

  listen(host: string, { key, accept }: ListenOptions, of: Life): { port: number; close(): void } {
    const port = ++this.#ports;
    this.#listening.set(port, { host, key: Buffer.from(key).toString('hex'), accept });
    const close = (): void => {
      this.#listening.delete(port);
      this.#break((channel) => channel.to === `${host} ${port}`);
    };
    of.onEnd(close);
    return { port, close };
  }

  open(of: Life, { host, port, key }: Parameters<typeof openChannel>[0], name: string): Duplex {
    const there = this.#listening.get(port);
    if (this.isCut || there?.host !== host || there.key !== Buffer.from(key).toString('hex'))
      throw new Failure('host-unreachable', { host, problem: 'it closed the connection' });
    const ends = duplexPair();
    const channel: Channel = { ends, to: `${host} ${port}` };
    this.#channels.add(channel);
    for (const end of ends) end.on('error', () => {});
    of.onEnd(() => this.#break((each) => each === channel));
    there.accept(name, ends[1]);
    return ends[0];
  }

  /** The host that a whole channel goes to. */
  endOf(way: Duplex): string | undefined {
    const channel = [...this.#channels].find(({ ends }) => ends.includes(way));
    if (!channel || channel.ends.some((end) => end.destroyed)) return undefined;
    return channel.to.split(' ')[0];
  }

  cut(isCut: boolean): void {
    this.isCut = isCut;
    if (isCut) this.#break(() => true);
  }

  #break(isMeant: (channel: Channel) => boolean): void {
    for (const channel of [...this.#channels].filter(isMeant)) {
      for (const end of channel.ends) end.destroy();
      this.#channels.delete(channel);
    }
  }
}

export interface HostDeps {
  name: string;
  ways: Ways;
  database: DatabaseSync;
  hypervisorAt(host: string): ModelHypervisor | undefined;
  /** Told of each change of each job, while the agent lives. */
  onJob(host: string, job: Job): void;
}

/** A hypervisor, and the agent on it: the real handlers, journal and jobs, in one life after the other. */
export class ModelHost {
  readonly name: string;
  readonly hypervisor: ModelHypervisor;
  readonly #deps: HostDeps;
  #agent: { life: Life; perform: Perform } | undefined;

  constructor(deps: HostDeps) {
    this.#deps = deps;
    this.name = deps.name;
    this.hypervisor = new ModelHypervisor((way) => deps.hypervisorAt(deps.ways.endOf(way) ?? ''));
  }

  get agent(): { life: Life; perform: Perform } | undefined {
    return this.#agent;
  }

  kill(): void {
    this.#agent?.life.end();
    this.#agent = undefined;
  }

  async start(): Promise<void> {
    if (this.#agent) return;
    const { name: host, database, ways, onJob } = this.#deps;
    const own = life();
    // What a killed agent was about is not called off here: its time is over some minutes later, when its database is closed.
    const onBug = (error: unknown): void => assert.ok(own.isOver, String(error));
    const driver = outsideOf(own, modelDriver(host, this.hypervisor));
    const inventory = inventoryOf(own, host, this.hypervisor);
    const journal = agentJournal({
      database,
      factsOf: async () => ({ guest: null }),
      now: Date.now,
      onBug,
    });
    const plain = jobTable(database);
    const table = { ...plain, put: (job: Job) => own.lasting(() => plain.put(job)) };
    const jobs = jobRunner({ table, now: Date.now, onBug });
    jobs.onJob((job) => own.lasting(() => onJob(host, job)));
    const awaited = receiving({
      ...{ driver, host, address: () => '127.0.0.1', ports: { from: 1, to: 2 }, log: quiet },
      listen: async (options) => ways.listen(host, options, own),
    });
    const open: typeof openChannel = (way, channel) => own.outside(() => ways.open(own, way, channel));
    const handlers = {
      ...migrationHandlers({
        ...{ driver, inventory, host, jobs, open, receiving: awaited, may: () => true, log: quiet },
        consoles: { mark: async () => {} },
      }),
      ...jobHandlers({ jobs, may: () => true }),
    };
    const perform = performer<typeof TABLE>({
      ...{ table: TABLE, handlers, journal, jobs, now: Date.now, newId: () => 'id', changesGoOn: true },
      ...{ may: () => true, supports: () => true, audit: () => {}, here: { driver: 'model', host } },
      ...{ onBug, limits: { underWay: 100, underWayEach: 100 } },
    });
    this.#agent = { life: own, perform };
    await recover({ journal, factsOf: async () => ({ guest: null }), now: Date.now, log: quiet });
    if (!own.isOver) jobs.resume(TABLE, handlers);
  }
}

/** A driver whose every call is of one life. */
function outsideOf(own: Life, driver: HypervisorDriver): HypervisorDriver {
  const calls = Object.entries(driver).map(([method, call]) => [
    method,
    typeof call === 'function' ? (...args: unknown[]) => own.outside(() => call(...args)) : call,
  ]);
  return Object.fromEntries(calls) as HypervisorDriver;
}

/** The inventory of a host whose hypervisor answers at once. */
function inventoryOf(own: Life, host: string, hypervisor: ModelHypervisor): Inventory {
  const now = () => recordOf(host, hypervisor);
  const inventory: Pick<Inventory, 'find' | 'guest' | 'refresh'> = {
    find: (name) => (name === NAME ? now() : undefined),
    guest: (name) => {
      const guest = name === NAME ? now() : undefined;
      if (!guest) throw new Failure('guest-not-found', { guest: name, host });
      return guest;
    },
    refresh: (id) => own.outside(() => (id === UUID ? now() : undefined)),
  };
  return inventory as Inventory;
}
