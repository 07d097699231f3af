/**
 * Responsibilities: the Entity that client.ts and component.ts share: stanzas in and out over one Session and one Link.
 *
 * Theory of operation: Link connects, Session counts, IqTraffic matches, Outbox keeps. Whatever is sent passes `#textOf`, once.
 *
 * What can go wrong: a session ends without a resume. Then requests fail at once, presence is forgotten (it is told anew on
 * `online`), and messages that were to be kept are sent again. An answer to an IQ is sent again where our address is the
 * same: the peer waits for it, and knows it by its id.
 */
import type { Element } from '@xmpp/xml';
import { Failure } from '#shared/errors.ts';
import type { Entity, IqHandler, IqRequest, Status } from '../entity.ts';
import { bareOf } from '../jid.ts';
import { printable } from '../stanza-error.ts';
import { IqTraffic } from './iq.ts';
import { type Connected, Link, type LinkTimes, type Log } from './link.ts';
import { Outbox } from './outbox.ts';
import { Session } from './session.ts';
import type { DialLimits } from './wire.ts';

/** What ejabberd here takes in one stanza (max_stanza_size, 512 KiB), less what the server adds to it. */
export const STANZA_BYTES_MAX = 520_000;

export interface LinkedOptions {
  service: string;
  account: string;
  /** Over WebSocket each stanza names its namespace (RFC 7395 section 3.3.3). */
  isFramed?: boolean;
  connect(session: Session, limits: DialLimits, signal: AbortSignal): Promise<Connected>;
  times?: Partial<LinkTimes>;
  /** See SessionDeps. */
  resumeS?: number | undefined;
  log: Log;
  onBug(error: unknown): void;
}

export class LinkedEntity implements Entity {
  readonly bareJid: string;
  readonly #options: LinkedOptions;
  readonly #link: Link;
  readonly #session: Session;
  readonly #iqs: IqTraffic;
  readonly #outbox: Outbox;
  readonly #messageListeners = new Set<(stanza: Element) => void>();
  readonly #presenceListeners = new Set<(stanza: Element) => void>();
  readonly #statusListeners = new Set<(status: Status) => void>();
  /** What is sent once more in the next session if the server did not get it, with when it was sent first. */
  readonly #dear = new WeakMap<Element, Date>();
  /** Answers to IQs that wait for a connection, and the address that they were asked at. */
  #answers: { stanza: Element; jid: string }[] = [];

  constructor(options: LinkedOptions) {
    this.bareJid = bareOf(options.account);
    this.#options = options;
    this.#outbox = new Outbox(options.log);
    this.#session = new Session({
      onStanza: (stanza) => this.#guarded(() => this.#take(stanza)),
      onLost: (stanzas, mayResend) => this.#onSessionLost(stanzas, mayResend),
      resumeS: options.resumeS,
    });
    this.#iqs = new IqTraffic({
      request: (stanza) => this.#sendRequest(stanza),
      answer: (stanza) => this.#sendAnswer(stanza),
      ownJid: () => this.#session.jid || this.bareJid,
      onBug: options.onBug,
    });
    this.#link = new Link({
      ...options,
      connect: (limits, signal) => options.connect(this.#session, limits, signal),
      probe: () => this.#session.probe(),
      onLost: (reason) => this.#session.detach(reason),
      onStatus: (status) => this.#onStatus(status),
      close: () => this.#session.close(),
    });
  }

  get fullJid(): string | undefined {
    return this.isOnline ? this.#session.jid : undefined;
  }

  get isOnline(): boolean {
    return this.#link.isOnline;
  }

  request(iq: IqRequest): Promise<Element> {
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

  /** @throws Failure stanza-too-large; not-connected, where it is to be refused */
  async send(stanza: Element, whenOffline: 'keep' | 'drop' | 'refuse'): Promise<void> {
    const text = this.#textOf(stanza);
    if (whenOffline === 'keep') this.#dear.set(stanza, new Date());
    try {
      if (!this.isOnline) throw new Failure('not-connected');
      await this.#session.send(stanza, text);
    } catch (error) {
      if (whenOffline === 'refuse') throw error;
      if (whenOffline === 'keep') this.#outbox.keep(stanza, this.#dear.get(stanza));
    }
  }

  start(): Promise<void> {
    return this.#link.start();
  }

  async stop(): Promise<void> {
    await this.#link.stop();
    this.#iqs.failAll(new Failure('not-connected'));
  }

  async #sendRequest(stanza: Element): Promise<void> {
    if (!this.isOnline) throw new Failure('not-connected');
    await this.#session.send(stanza, this.#textOf(stanza));
  }

  async #sendAnswer(stanza: Element): Promise<void> {
    const text = this.#textOf(stanza);
    try {
      if (!this.isOnline) throw new Failure('not-connected');
      await this.#session.send(stanza, text);
    } catch {
      this.#keepAnswer(stanza);
    }
  }

  #keepAnswer(stanza: Element): void {
    this.#answers.push({ stanza, jid: this.#session.jid });
    if (this.#answers.length > 1_000) this.#answers.shift();
  }

  #onSessionLost(stanzas: Element[], mayResend: boolean): void {
    this.#iqs.failAll(new Failure('not-connected'));
    const { log } = this.#options;
    if (!mayResend)
      log.error({ stanzas: stanzas.length }, 'stanzas given up: the server ends each stream that has them');
    else for (const stanza of stanzas) this.#again(stanza);
  }

  #again(stanza: Element): void {
    const { type } = stanza.attrs;
    if (this.#dear.has(stanza)) this.#outbox.keep(stanza, this.#dear.get(stanza));
    else if (stanza.name === 'iq' && (type === 'result' || type === 'error')) this.#keepAnswer(stanza);
  }

  #onStatus(status: Status): void {
    for (const listener of this.#statusListeners) this.#guarded(() => listener(status));
    if (status.status !== 'offline') this.#flush();
  }

  #flush(): void {
    const answers = this.#answers.filter((answer) => answer.jid === this.#session.jid);
    this.#answers = [];
    for (const { stanza } of answers) void this.#sendAnswer(stanza);
    for (const stanza of this.#outbox.take()) void this.send(stanza, 'keep');
  }

  /** What goes over the wire. One wrong character, or one stanza too large, would end the stream, and each resumed one. */
  #textOf(stanza: Element): string {
    if (this.#options.isFramed) stanza.attrs.xmlns ??= 'jabber:client';
    const text = printable(stanza.toString());
    const bytes = text.length * 3 > STANZA_BYTES_MAX ? Buffer.byteLength(text) : 0;
    if (bytes > STANZA_BYTES_MAX) {
      throw new Failure('stanza-too-large', { sizeKiB: Math.ceil(bytes / 1024), limitKiB: STANZA_BYTES_MAX >> 10 });
    }
    return text;
  }

  #take(stanza: Element): void {
    if (stanza.name === 'iq') this.#iqs.take(stanza);
    else {
      const listeners = stanza.name === 'message' ? this.#messageListeners : this.#presenceListeners;
      for (const listener of listeners) this.#guarded(() => listener(stanza));
    }
  }

  /** What a listener throws, or its promise, is a bug of the listener and no trouble of the connection. */
  #guarded(call: () => unknown): void {
    try {
      const result = call();
      if (result instanceof Promise) result.catch((error) => this.#options.onBug(error));
    } catch (error) {
      this.#options.onBug(error);
    }
  }
}

function listenIn<T>(listeners: Set<T>, listener: T): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}
