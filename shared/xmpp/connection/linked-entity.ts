import type { Client } from '@xmpp/client-core';
import type { Element } from '@xmpp/xml';
import { Failure } from '#shared/errors.ts';
import type { Entity, IqHandler, IqRequest, Status } from '../entity.ts';
import { bareOf } from '../jid.ts';
import { IqTraffic } from './iq.ts';
import { Link, type LinkOptions } from './link.ts';

const KEPT_MAX = 1_000;

export interface LinkedOptions extends Omit<LinkOptions, 'onStatus'> {
  onBug(error: unknown): void;
}

/** The Entity that client.ts and component.ts share: stanzas in and out over one Link. */
export class LinkedEntity implements Entity {
  readonly bareJid: string;
  readonly #stream: Client;
  readonly #link: Link;
  readonly #iqs: IqTraffic;
  readonly #messageListeners = new Set<(stanza: Element) => void>();
  readonly #presenceListeners = new Set<(stanza: Element) => void>();
  readonly #statusListeners = new Set<(status: Status) => void>();
  readonly #onBug: (error: unknown) => void;
  /** To be sent when online again. */
  #kept: Element[] = [];
  /** Answers to IQs of a session that may yet be resumed. */
  #answers: Element[] = [];
  /** What is sent once more if the server did not get it. */
  readonly #dear = new WeakSet<Element>();

  constructor(options: LinkedOptions) {
    this.bareJid = bareOf(options.account);
    this.#stream = options.stream;
    this.#onBug = options.onBug;
    this.#iqs = new IqTraffic({
      write: (stanza) => this.#writeIq(stanza),
      ownJid: () => this.fullJid ?? this.bareJid,
      onBug: options.onBug,
    });
    this.#link = new Link({ ...options, onStatus: (status) => this.#onStatus(status) });
    this.#stream.on('stanza', (stanza: Element) => this.#take(stanza));
  }

  get fullJid(): string | undefined {
    return this.isOnline ? this.#stream.jid?.toString() : undefined;
  }

  get isOnline(): boolean {
    return this.#link.isOnline;
  }

  async request(iq: IqRequest): Promise<Element> {
    if (!this.isOnline) throw new Failure('not-connected');
    return this.#iqs.request(iq);
  }

  serve(type: 'get' | 'set', xmlns: string, name: string, handler: IqHandler): void {
    this.#iqs.serve(type, xmlns, name, handler);
  }

  onMessage(listener: (stanza: Element) => void): () => void {
    return listenIn(this.#messageListeners, listener);
  }
  onPresence(listener: (stanza: Element) => void): () => void {
    return listenIn(this.#presenceListeners, listener);
  }
  onStatus(listener: (status: Status) => void): () => void {
    return listenIn(this.#statusListeners, listener);
  }

  async send(stanza: Element, whenOffline: 'keep' | 'drop' | 'refuse'): Promise<void> {
    if (whenOffline === 'keep') this.#dear.add(stanza);
    if (this.isOnline) {
      try {
        return await this.#stream.send(stanza);
      } catch (error) {
        if (whenOffline === 'refuse') throw new Failure('not-connected', {}, { cause: error });
      }
    }
    if (whenOffline === 'refuse') throw new Failure('not-connected');
    if (whenOffline === 'keep') this.#keep(stanza);
  }

  start(): Promise<void> {
    return this.#link.start();
  }

  async stop(): Promise<void> {
    await this.#link.stop();
    this.#iqs.failAll(new Failure('not-connected'));
  }

  /** The server says that it never got this (its session was lost). */
  lost(stanza: Element): void {
    if (this.#dear.has(stanza)) this.#keep(stanza);
  }

  #keep(stanza: Element): void {
    this.#kept.push(stanza);
    if (this.#kept.length > KEPT_MAX) this.#kept.shift();
  }

  async #writeIq(stanza: Element): Promise<void> {
    if (this.isOnline)
      return this.#stream
        .send(stanza)
        .catch((error) => Promise.reject(new Failure('not-connected', {}, { cause: error })));
    if (stanza.attrs.type === 'get' || stanza.attrs.type === 'set') throw new Failure('not-connected');
    this.#answers.push(stanza);
    if (this.#answers.length > KEPT_MAX) this.#answers.shift();
  }

  #onStatus(status: Status): void {
    if (status.status === 'online') {
      this.#answers = [];
      this.#iqs.failAll(new Failure('not-connected'));
    }
    for (const listener of this.#statusListeners) this.#guarded(() => listener(status));
    if (status.status !== 'offline') this.#flush();
  }

  #flush(): void {
    const waiting = [...this.#answers, ...this.#kept];
    this.#answers = [];
    this.#kept = [];
    for (const stanza of waiting) this.#stream.send(stanza).catch(() => this.lost(stanza));
  }

  #take(stanza: Element): void {
    if (stanza.name === 'iq') this.#iqs.take(stanza);
    else this.#tell(stanza.name === 'message' ? this.#messageListeners : this.#presenceListeners, stanza);
  }

  #tell(listeners: ReadonlySet<(stanza: Element) => void>, stanza: Element): void {
    for (const listener of listeners) this.#guarded(() => listener(stanza));
  }

  #guarded(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#onBug(error);
    }
  }
}

function listenIn<T>(listeners: Set<T>, listener: T): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}
