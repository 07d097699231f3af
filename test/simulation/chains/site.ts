import type { Operation } from '#shared/chain/run.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';

/** What an agent tells central. */
export type Told =
  | { is: 'states'; host: number; seq: number; up: ReadonlyMap<string, boolean> }
  | { is: 'answer'; id: string; ok: boolean; problem?: string };

interface Guest {
  name: string;
  host: number;
  isUp: boolean;
  /** From when it answers as ready, ms. */
  answersAt: number;
}

interface Host {
  at: number;
  isOn: boolean;
  hasAgent: boolean;
  hasLink: boolean;
  /** Grows when the agent dies: what it was doing, is not done any more. */
  life: number;
  /** Grows when the link breaks: what was on its way, does not arrive. */
  session: number;
  seq: number;
  /** On its disk: what was begun, and how it ended. What was superseded is never begun. */
  journal: Map<string, { ok: boolean; problem?: string } | 'begun'>;
  superseded: Set<string>;
}

/** How bad it is: chances of each mishap, all 0 once the faults are over. */
export interface Mishaps {
  lost: number;
  twice: number;
  slow: number;
  /** A start that ends badly. */
  refused: number;
  /** A guest that comes up and does not answer for a long time; one that does not heed a shutdown. */
  sick: number;
}

/**
 * Hosts with agents and guests, and the road to central. An agent obeys the rules of operations: it journals before it acts,
 * answers the same id with the same outcome and never acts on it twice, calls what it was doing at its death interrupted,
 * and does not carry out what was superseded.
 */
export class Site {
  readonly hosts: Host[];
  readonly guests: Map<string, Guest>;
  /** Operations that had an effect, by id. */
  readonly effects = new Map<string, number>();
  readonly #time: Timeline;
  readonly #random: Random;
  readonly #mishaps: Mishaps;
  readonly #hear: (told: Told) => void;

  constructor(
    time: Timeline,
    random: Random,
    mishaps: Mishaps,
    names: readonly string[],
    count: number,
    hear: (told: Told) => void,
  ) {
    this.#time = time;
    this.#random = random;
    this.#mishaps = mishaps;
    this.#hear = hear;
    this.hosts = Array.from({ length: count }, (_, at) => ({
      at,
      isOn: true,
      hasAgent: true,
      hasLink: true,
      life: 0,
      session: 0,
      seq: 0,
      journal: new Map(),
      superseded: new Set(),
    }));
    this.guests = new Map(
      names.map((name) => [name, { name, host: random.between(0, count - 1), isUp: false, answersAt: 0 }]),
    );
  }

  isReachable(host: Host): boolean {
    return host.isOn && host.hasAgent && host.hasLink;
  }

  hostOf(name: string): Host {
    return this.hosts[this.guests.get(name)?.host ?? 0] as Host;
  }

  /** Central sends; it may arrive late, twice or not at all. */
  ask(name: string, operation: Operation): void {
    const host = this.hostOf(name);
    this.#send(host, () => this.#receive(host, name, operation));
  }

  /** Whether a guest that is looked at from its host answers now. Nobody can tell while the host cannot be reached. */
  answers(name: string): boolean | undefined {
    const guest = this.guests.get(name) as Guest;
    if (!this.isReachable(this.hostOf(name)) || this.#random.chance(this.#mishaps.lost)) return undefined;
    return guest.isUp && this.#time.now >= guest.answersAt;
  }

  report(host: Host): void {
    if (!this.isReachable(host)) return;
    const seq = ++host.seq;
    const own = [...this.guests.values()].filter((guest) => guest.host === host.at);
    const up = new Map(own.map(({ name, isUp }) => [name, isUp]));
    this.#send(host, () => this.#hear({ is: 'states', host: host.at, seq, up }));
  }

  set(name: string, isUp: boolean): void {
    const guest = this.guests.get(name) as Guest;
    if (guest.isUp === isUp || !this.hostOf(name).isOn) return;
    guest.isUp = isUp;
    const isSick = this.#random.chance(this.#mishaps.sick);
    guest.answersAt = this.#time.now + (isSick ? 1e9 : this.#random.between(0, 5_000));
    this.report(this.hostOf(name));
  }

  killAgent(host: Host): void {
    host.hasAgent = false;
    host.life++;
    for (const [id, entry] of host.journal)
      if (entry === 'begun') host.journal.set(id, { ok: false, problem: 'interrupted' });
  }

  cutLink(host: Host): void {
    host.hasLink = false;
    host.session++;
  }

  cutPower(host: Host): void {
    for (const guest of this.guests.values()) if (guest.host === host.at) guest.isUp = false;
    this.killAgent(host);
    this.cutLink(host);
    host.isOn = false;
  }

  mend(host: Host): void {
    host.isOn = true;
    host.hasAgent = true;
    host.hasLink = true;
    this.report(host);
  }

  /** What does not answer begins to. */
  cure(): void {
    for (const guest of this.guests.values()) guest.answersAt = Math.min(guest.answersAt, this.#time.now + 5_000);
  }

  #send(host: Host, arrive: () => void): void {
    const { lost, twice, slow } = this.#mishaps;
    if (!this.isReachable(host) || this.#random.chance(lost)) return;
    const { session } = host;
    const deliver = (): void => {
      if (host.session === session && this.isReachable(host)) arrive();
    };
    for (let copies = this.#random.chance(twice) ? 2 : 1; copies > 0; copies--)
      this.#time.in(
        this.#random.chance(slow) ? this.#random.between(1_000, 90_000) : this.#random.between(1, 300),
        deliver,
      );
  }

  #receive(host: Host, name: string, operation: Operation): undefined {
    for (const id of operation.supersedes ?? []) host.superseded.add(id);
    const known = host.journal.get(operation.id);
    if (known === 'begun') return;
    if (known) return this.#answer(host, operation.id);
    if (host.superseded.has(operation.id)) return this.#end(host, operation.id, false, 'superseded');
    host.journal.set(operation.id, 'begun');
    const { life } = host;
    this.#time.in(this.#random.between(10, 3_000), () => {
      if (host.life !== life) return;
      if (host.superseded.has(operation.id)) return this.#end(host, operation.id, false, 'superseded');
      this.#act(host, name, operation);
    });
  }

  #act(host: Host, name: string, operation: Operation): undefined {
    const { refused, sick } = this.#mishaps;
    const guest = this.guests.get(name) as Guest;
    const isUp = operation.verb === 'start';
    if (isUp && !guest.isUp && this.#random.chance(refused)) return this.#end(host, operation.id, false, 'no memory');
    const isHeeded = isUp || operation.force || !this.#random.chance(sick);
    if (isHeeded && guest.isUp !== isUp) {
      this.effects.set(operation.id, (this.effects.get(operation.id) ?? 0) + 1);
      this.set(name, isUp);
    }
    const { life } = host;
    this.#time.in(this.#random.between(0, 500), () => {
      if (host.life === life) this.#end(host, operation.id, true);
    });
  }

  #end(host: Host, id: string, ok: boolean, problem?: string): undefined {
    host.journal.set(id, { ok, ...(problem ? { problem } : {}) });
    this.#answer(host, id);
  }

  #answer(host: Host, id: string): undefined {
    const entry = host.journal.get(id);
    if (entry && entry !== 'begun') this.#send(host, () => this.#hear({ is: 'answer', id, ...entry }));
  }
}
