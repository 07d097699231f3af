/**
 * Responsibilities: hold one connection to the server for as long as the program runs; tell the rest when it is there.
 *
 * Theory of operation: one loop. Connect, negotiate, be online until the connection is lost, wait, again. What negotiation
 * means (a login, a resume, a handshake) is the business of client.ts and component.ts, which give `connect`. The wait is a
 * random part of a bound that doubles from 0.25 s to 4 s, so that a thousand agents do not come back in one instant. The bound is
 * short because an agent has to be back within 10 s of its server: 4 s of an attempt that began too early, 4 s of wait, and a login.
 *
 * Trouble that waiting does not mend (a wrong password, a wrong certificate) ends start(). Later it is tried again like a
 * conflict with another session under the same address: the bound doubles from 2 s to 60 s. It begins low because a server
 * that is starting may refuse for a moment, and so also after a server that was away for long: the two are counted apart.
 *
 * What can go wrong: a link may die without a word. Every byte that comes proves it alive; after 30 s without one `probe` asks,
 * and 15 s later it is given up. A server that ends each session at once is not logged in to in a tight loop: only
 * a session of 10 s begins the waits anew.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Failure, messageOf } from '#shared/errors.ts';
import type { Status } from '../entity.ts';
import { failureOf, isConflict, isFinal } from './trouble.ts';
import type { DialLimits, Wire } from './wire.ts';

export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Times of the link; what is not given is as in LINK_TIMES. */
export interface LinkTimes extends DialLimits {
  retryMsMin: number;
  retryMsMax: number;
  slowRetryMsMin: number;
  slowRetryMsMax: number;
  /** A session that lasted so long begins the waits anew. */
  steadyMs: number;
  probeMs: number;
  deadMs: number;
}

export const LINK_TIMES: LinkTimes = {
  connectMs: 4_000,
  negotiateMs: 15_000,
  retryMsMin: 250,
  retryMsMax: 4_000,
  slowRetryMsMin: 2_000,
  slowRetryMsMax: 60_000,
  steadyMs: 10_000,
  probeMs: 30_000,
  deadMs: 15_000,
};

export interface Connected {
  wire: Wire;
  status: 'online' | 'resumed';
}

export interface LinkOptions {
  service: string;
  account: string;
  /** Open a stream and negotiate until it is online. Rejects at the first trouble, and when stopped, with nothing left open. */
  connect(limits: DialLimits, signal: AbortSignal): Promise<Connected>;
  /** Make the server say something, so that silence means death. */
  probe(): void;
  /** The connection is gone; told before the status. */
  onLost(reason: Error): void;
  onStatus(status: Status): void;
  /** Say goodbye and close. */
  close(): Promise<void>;
  times?: Partial<LinkTimes>;
  log: Log;
}

export class Link {
  readonly #options: LinkOptions;
  readonly #times: LinkTimes;
  #stop = new AbortController();
  #running: Promise<void> | undefined;
  /** Times in a row that it was tried again soon, and slowly. */
  #tries = { soon: 0, slow: 0 };
  isOnline = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#times = { ...LINK_TIMES, ...options.times };
  }

  /** @throws Failure that waiting does not mend, after which it may be started again; other trouble is tried again */
  async start(): Promise<void> {
    if (this.#running) throw new Error('it was started before');
    this.#stop = new AbortController();
    this.#tries = { soon: 0, slow: 0 };
    const first = Promise.withResolvers<void>();
    this.#running = this.#run(first).finally(() => {
      this.#running = undefined;
    });
    await first.promise;
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#stop.abort();
    await running;
  }

  async #run(first: PromiseWithResolvers<void>): Promise<void> {
    const { service, account, onStatus, onLost } = this.#options;
    let wasEverOnline = false;
    while (!this.#stop.signal.aborted) {
      let onlineAt = Number.POSITIVE_INFINITY;
      const reason = await this.#once(() => {
        wasEverOnline = true;
        onlineAt = performance.now();
        first.resolve();
      });
      onLost(reason);
      if (this.#stop.signal.aborted) break;
      const failure = failureOf(reason, service, account);
      if (isFinal(failure) && !wasEverOnline) return first.reject(failure);
      if (performance.now() - onlineAt > this.#times.steadyMs) this.#tries = { soon: 0, slow: 0 };
      const retryMs = this.#retryMsOf(failure);
      onStatus({ status: 'offline', problem: failure.message, retryMs });
      await delay(retryMs, undefined, { signal: this.#stop.signal }).catch(() => {});
    }
    first.reject(new Failure('not-connected'));
  }

  /** One connection, from its begin to its end. Says why it ended. */
  async #once(onOnline: () => void): Promise<Error> {
    const { connect, onStatus, log, service } = this.#options;
    const { signal } = this.#stop;
    try {
      const { wire, status } = await connect(this.#times, signal);
      if (signal.aborted) wire.drop(new Error('stopped'));
      else {
        this.isOnline = true;
        log.info({ service, status }, 'connected to the server');
        onStatus({ status });
        onOnline();
      }
      return await this.#watch(wire);
    } catch (error) {
      return error instanceof Error ? error : new Error(messageOf(error));
    } finally {
      this.isOnline = false;
    }
  }

  /** Until the connection is lost or we stop; a link that says nothing is asked, and then given up. */
  async #watch(wire: Wire): Promise<Error> {
    const { probeMs, deadMs } = this.#times;
    const lookMs = probeMs / 10;
    let lookedAt = performance.now();
    /** For how long it has said nothing since it was asked. Where this program stood still, what came meanwhile is read after that: it does not count. */
    let silentMs: number | undefined;
    const timer = setInterval(() => {
      const now = performance.now();
      const passedMs = Math.min(now - lookedAt, 2 * lookMs);
      lookedAt = now;
      if (now - wire.heardAt < probeMs) silentMs = undefined;
      else if (silentMs === undefined) {
        silentMs = 0;
        this.#options.probe();
      } else {
        silentMs += passedMs;
        if (silentMs >= deadMs) wire.drop(new Error('the server fell silent'));
      }
    }, lookMs);
    const goodbye = (): void => {
      this.isOnline = false;
      void this.#options.close();
    };
    this.#stop.signal.addEventListener('abort', goodbye);
    try {
      return await wire.lost;
    } finally {
      clearInterval(timer);
      this.#stop.signal.removeEventListener('abort', goodbye);
      wire.drop(new Error('done with'));
    }
  }

  #retryMsOf(failure: Failure): number {
    const { retryMsMin, retryMsMax, slowRetryMsMin, slowRetryMsMax } = this.#times;
    const isSlow = isFinal(failure) || isConflict(failure);
    const [min, max] = isSlow ? [slowRetryMsMin, slowRetryMsMax] : [retryMsMin, retryMsMax];
    const tries = ++this.#tries[isSlow ? 'slow' : 'soon'];
    const bound = Math.min(max, min * 2 ** Math.min(tries - 1, 16));
    const retryMs = Math.round(bound * (0.1 + 0.9 * Math.random()));
    this.#options.log[isSlow ? 'error' : 'warn'](
      { problem: failure.message, code: failure.code, retryMs, tries },
      'not connected to the server',
    );
    return retryMs;
  }
}
