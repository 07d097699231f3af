/**
 * Responsibilities: hold one connection to the server for as long as the program runs; tell the rest when it is there.
 *
 * Theory of operation: one loop. Connect, negotiate, be online until the stream is lost, wait, again. What negotiation means
 * (a login, a resume, a handshake) is the business of client.ts and component.ts, which give `connect`. The wait grows from
 * 0.25 s to 5 s with full jitter: a thousand agents do not come back in one instant, and an agent is back within 10 s of
 * its server. Trouble that waiting does not mend (wrong password, wrong certificate) is tried again every 30 s.
 *
 * What can go wrong: a link may die without a word. Every stanza that comes proves it alive; after 30 s of silence `probe` asks,
 * and after 45 s the socket is dropped.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@xmpp/client-core';
import { Failure, messageOf } from '#shared/errors.ts';
import type { Status } from '../entity.ts';
import { dropSocket } from './stream.ts';
import { failureOf, isConflict, isFinal } from './trouble.ts';

const RETRY_MS_MIN = 250;
const RETRY_MS_MAX = 5_000;
const RETRY_MS_FINAL = 30_000;
const CONNECT_MS_MAX = 15_000;
const SILENCE_MS_PROBE = 30_000;
const SILENCE_MS_MAX = 45_000;

export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface LinkOptions {
  stream: Client;
  service: string;
  account: string;
  /** Open the stream and negotiate until it is online; resolves with how. Rejects at the first trouble. */
  connect(signal: AbortSignal): Promise<'online' | 'resumed'>;
  /** Make the server say something, so that silence means death. */
  probe(): void;
  onStatus(status: Status): void;
  log: Log;
}

export class Link {
  readonly #options: LinkOptions;
  readonly #stop = new AbortController();
  #lost = Promise.withResolvers<Error>();
  #heardAt = performance.now();
  #running: Promise<void> | undefined;
  isOnline = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    const { stream } = options;
    stream.on('element', () => {
      this.#heardAt = performance.now();
    });
    stream.on('error', (error: unknown) => this.#troubled(error));
    stream.on('disconnect', (event?: { reason?: unknown }) =>
      this.#troubled(event?.reason ?? new Error('the connection was closed')),
    );
  }

  /** @throws Failure that waiting does not mend; everything else is tried again */
  async start(): Promise<void> {
    const first = Promise.withResolvers<void>();
    this.#running = this.#run(first);
    await first.promise;
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Failure('not-connected'));
    const { stream } = this.#options;
    if (this.isOnline) await Promise.race([stream.stop().catch(() => {}), delay(1_000, undefined, { ref: false })]);
    this.isOnline = false;
    this.#lost.resolve(new Error('stopped'));
    dropSocket(stream, new Error('stopped'));
    await this.#running;
  }

  #troubled(error: unknown): void {
    this.#options.log.debug({ problem: messageOf(error) }, 'stream in trouble');
    this.#lost.resolve(error instanceof Error ? error : new Error(messageOf(error)));
  }

  async #run(first: PromiseWithResolvers<void>): Promise<void> {
    let tries = 0;
    while (!this.#stop.signal.aborted) {
      this.#lost = Promise.withResolvers<Error>();
      const wasOnline = await this.#once(first);
      if (this.#stop.signal.aborted) break;
      tries = wasOnline ? 0 : tries + 1;
      const failure = failureOf(await this.#lost.promise, this.#options.service, this.#options.account);
      if (isFinal(failure)) first.reject(failure);
      await this.#wait(failure, tries);
    }
    first.reject(new Failure('not-connected'));
  }

  /** One connection, from its begin to its end. Says whether it ever was online. */
  async #once(first: PromiseWithResolvers<void>): Promise<boolean> {
    const { stream, connect, onStatus, log, service } = this.#options;
    let wasOnline = false;
    const limit = AbortSignal.timeout(CONNECT_MS_MAX);
    try {
      const lost = this.#lost.promise.then((error) => Promise.reject(error));
      const slow = new Promise<never>((_, reject) =>
        limit.addEventListener('abort', () => reject(new Error('the server was too slow to answer'))),
      );
      const status = await Promise.race([connect(this.#stop.signal), lost, slow]);
      wasOnline = this.isOnline = true;
      this.#heardAt = performance.now();
      log.info({ service, status }, 'connected to the server');
      onStatus({ status });
      first.resolve();
      await this.#watch();
    } catch (error) {
      this.#lost.resolve(error instanceof Error ? error : new Error(messageOf(error)));
    }
    this.isOnline = false;
    dropSocket(stream, new Error('dropped'));
    return wasOnline;
  }

  /** Until the stream is lost; a link that says nothing is asked, and then given up. */
  async #watch(): Promise<void> {
    const timer = setInterval(() => {
      const silentMs = performance.now() - this.#heardAt;
      if (silentMs > SILENCE_MS_MAX) this.#lost.resolve(new Error('the server fell silent'));
      else if (silentMs > SILENCE_MS_PROBE) this.#options.probe();
    }, 5_000);
    try {
      await this.#lost.promise;
    } finally {
      clearInterval(timer);
    }
  }

  async #wait(failure: Failure, tries: number): Promise<void> {
    const slow = isFinal(failure) || isConflict(failure);
    const bound = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(tries, 10));
    const retryMs = slow ? RETRY_MS_FINAL : Math.round(bound * (0.1 + 0.9 * Math.random()));
    this.#options.log[slow ? 'error' : 'warn'](
      { problem: failure.message, code: failure.code, retryMs, tries },
      'not connected to the server',
    );
    this.#options.onStatus({ status: 'offline', problem: failure.message, retryMs });
    await delay(retryMs, undefined, { signal: this.#stop.signal }).catch(() => {});
  }
}
