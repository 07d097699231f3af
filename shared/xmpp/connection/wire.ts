/**
 * Responsibilities: one connection of xmpp.js, from its begin to its end, with what is at fault there mended.
 *
 * Theory of operation: an object of xmpp.js serves one connection and is thrown away. It waits, with time limits, for closing
 * words and answers; such a wait that ends late would otherwise close the next connection. While it negotiates, its own
 * packages hear the elements; after `hear` nobody but the session does. What comes before is never taken for a stanza: it may be from
 * somebody in the middle, before TLS.
 *
 * What can go wrong: whatever ends it settles `lost`, once, with the first reason.
 */
import { Socket } from 'node:net';
import { StringDecoder } from 'node:string_decoder';
import type { Client, StreamSocket } from '@xmpp/client-core';
import type { Element } from '@xmpp/xml';
import { messageOf } from '#shared/errors.ts';

const CLOSE_MS_MAX = 1_000;

/** Times of connecting. */
export interface DialLimits {
  /** Until TCP is up. A lost SYN is sent again after 1 s and 3 s; waiting for the next, at 7 s, is worse than beginning again. */
  connectMs: number;
  /** Until the session is there: a server on which thousands log in at once is slow. */
  negotiateMs: number;
}

export class Wire {
  readonly stream: Client;
  /** Why it ended. Never rejects. */
  readonly lost: Promise<Error>;
  /** When bytes came last. */
  heardAt = performance.now();
  readonly #isFramed: boolean;
  readonly #lose: (reason: Error) => void;
  readonly #decoders = new WeakMap<object, StringDecoder>();
  readonly #sockets = new Set<StreamSocket>();
  #isDropped = false;
  #isGathering = false;

  constructor(stream: Client, isFramed: boolean) {
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.stream = stream;
    this.#isFramed = isFramed;
    this.lost = promise;
    this.#lose = resolve;
    stream.on('error', (error: unknown) => resolve(error instanceof Error ? error : new Error(messageOf(error))));
    stream.on('close', () => resolve(new Error('the server closed the stream')));
    stream.on('disconnect', () => resolve(new Error('the connection was closed')));
    // xmpp.js calls these on a stream error; the first would say goodbye with a long wait, the second go where it is told.
    stream.disconnect = async () => this.drop(new Error('the stream ended with an error'));
    stream._end = stream.disconnect;
    stream._onSeeOtherHost = async (error) => resolve(error);
    this.#mendSockets();
  }

  /** From now on every element goes there, in order, as it is parsed; nobody else hears any. */
  hear(listener: (element: Element) => void): void {
    this.stream.removeAllListeners('element');
    this.stream.removeAllListeners('nonza');
    this.stream.on('element', listener);
  }

  /**
   * Connect, and do what `negotiate` does; where that fails or takes too long, the connection is dropped.
   *
   * @throws whatever ended it first
   */
  async dial<T>(service: string, limits: DialLimits, signal: AbortSignal, negotiate: () => Promise<T>): Promise<T> {
    const fail = (reason: string) => () => this.drop(new Error(reason));
    const abort = fail('stopped');
    const timers = [
      setTimeout(fail('there was no connection in time'), limits.connectMs),
      setTimeout(fail('the server was too slow to answer'), limits.negotiateMs),
    ];
    signal.addEventListener('abort', abort);
    try {
      if (signal.aborted) throw new Error('stopped');
      const ended = this.lost.then((reason) => Promise.reject(reason));
      const connected = this.stream.connect(service);
      const raw = this.stream.socket?.socket ?? this.stream.socket;
      if (raw instanceof Socket) raw.once('connect', () => clearTimeout(timers[0]));
      else clearTimeout(timers[0]);
      return await Promise.race([ended, connected.then(negotiate)]);
    } catch (error) {
      this.drop(error instanceof Error ? error : new Error(messageOf(error)));
      throw error;
    } finally {
      for (const timer of timers) clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    }
  }

  /** Resolves when the text is handed to the system. */
  write(text: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const { socket } = this.stream;
    if (!socket || this.#isDropped) reject(new Error('there is no connection'));
    else {
      this.#gather(socket.socket ?? socket);
      socket.write(text, (error) => (error ? reject(error) : resolve()));
    }
    return promise;
  }

  /** What is written in one turn of the event loop goes to the system in one piece: each piece costs a call, and over TLS a record. */
  #gather(raw: StreamSocket): void {
    if (this.#isGathering || !raw.cork) return;
    this.#isGathering = true;
    raw.cork();
    setImmediate(() => {
      this.#isGathering = false;
      raw.uncork?.();
    });
  }

  /** Over WebSocket each is a frame of its own (RFC 7395 section 3.3). */
  async writeAll(texts: readonly string[]): Promise<void> {
    if (this.#isFramed) for (const text of texts) await this.write(text);
    else await this.write(texts.join(''));
  }

  /** Say goodbye (RFC 6120 section 4.4) and wait a little for the server's. */
  async close(): Promise<void> {
    const timer = setTimeout(() => this.drop(new Error('closed')), CLOSE_MS_MAX);
    const { stream } = this;
    this.write(stream.footer(stream.footerElement())).catch(() => {});
    await this.lost;
    clearTimeout(timer);
    this.drop(new Error('closed'));
  }

  /** End it at once, without the closing words that a dead link would wait for. */
  drop(reason: Error): void {
    if (this.#isDropped) return;
    this.#isDropped = true;
    this.#lose(reason);
    const { stream } = this;
    stream.removeAllListeners('element');
    stream.emit('error', reason); // What xmpp.js waits for, with a timer, ends here.
    if (stream.parser) stream._detachParser();
    for (const socket of this.#sockets) destroy(socket);
  }

  /** Put a socket in place of the present one: TLS over TCP. */
  replaceSocket(socket: StreamSocket): void {
    this.stream._detachSocket();
    this.stream._attachSocket(socket);
  }

  /**
   * Each socket gets a decoder of its own, so that a character that is cut by the end of a chunk is not broken; xmpp.js
   * decodes each chunk alone. Small packets are sent at once.
   */
  #mendSockets(): void {
    const { stream } = this;
    const attach = stream._attachSocket.bind(stream);
    stream._attachSocket = (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {}); // Also when it is no longer the stream's.
      attach(socket);
      const hurry = (): unknown => (socket.socket ?? socket).setNoDelay?.(true);
      socket.once('connect', hurry);
    };
    stream._onData = (data) => this.#take(data);
  }

  #take(data: Uint8Array | string): void {
    const { parser, socket } = this.stream;
    this.heardAt = performance.now();
    if (!parser || !socket) return;
    const decoder = this.#decoders.get(socket) ?? new StringDecoder('utf8');
    this.#decoders.set(socket, decoder);
    try {
      parser.write(
        typeof data === 'string' ? data : decoder.write(Buffer.from(data.buffer, data.byteOffset, data.length)),
      );
    } catch (error) {
      // What is not XMPP at all can make the parser throw.
      this.drop(new Error(`the server sent what cannot be read: ${messageOf(error)}`, { cause: error }));
    }
  }
}

function destroy(socket: StreamSocket): void {
  const raw = socket.socket ?? socket;
  raw.on?.('error', () => {});
  if (raw.terminate) raw.terminate();
  else raw.destroy?.();
}
