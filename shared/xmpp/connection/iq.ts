import { randomUUID } from 'node:crypto';
import xml, { type Element } from '@xmpp/xml';
import { Failure } from '#shared/errors.ts';
import type { IqHandler, IqRequest } from '../entity.ts';
import { bareOf, domainpartOf, sameJid } from '../jid.ts';
import { errorElement, parseError, StanzaError } from '../stanza-error.ts';

const REQUEST_TIMEOUT_MS = 30_000;
const MALFORMED = new StanzaError('modify', 'bad-request', 'An IQ is of type get or set and has one child.');
const UNKNOWN = new StanzaError('cancel', 'service-unavailable', 'Nothing here answers that.');

export interface IqDeps {
  /** @throws Failure not-connected */
  request(stanza: Element): Promise<void>;
  /** Never refused for want of a connection: it is kept. @throws Failure stanza-too-large */
  answer(stanza: Element): Promise<void>;
  ownJid(): string;
  onBug(error: unknown): void;
}

interface Waiting {
  to: string | undefined;
  resolve(stanza: Element): void;
  reject(error: Error): void;
}

/** IQs both ways (RFC 6120 section 8.2.3): each that comes is answered, each answer is matched by id and by who sent it. */
export class IqTraffic {
  readonly #deps: IqDeps;
  readonly #waiting = new Map<string, Waiting>();
  readonly #handlers = new Map<string, IqHandler>();

  constructor(deps: IqDeps) {
    this.#deps = deps;
  }

  serve(type: string, xmlns: string, name: string, handler: IqHandler): void {
    this.#handlers.set(`${type} ${name} ${xmlns}`, handler);
  }

  /** What is under way cannot be answered any more: the session that it was asked in is gone. */
  failAll(failure: Failure): void {
    for (const waiting of this.#waiting.values()) waiting.reject(failure);
    this.#waiting.clear();
  }

  async request(iq: IqRequest): Promise<Element> {
    const id = randomUUID();
    const timeoutMs = iq.timeoutMs ?? REQUEST_TIMEOUT_MS;
    const { promise, resolve, reject } = Promise.withResolvers<Element>();
    this.#waiting.set(id, { to: iq.to, resolve, reject });
    const limit = setTimeout(
      () => reject(new Failure('no-answer', { peer: iq.to ?? 'the server', timeoutS: timeoutMs / 1000 })),
      timeoutMs,
    );
    const abort = (): void => reject(iq.signal?.reason instanceof Error ? iq.signal.reason : new Error('aborted'));
    iq.signal?.addEventListener('abort', abort, { once: true });
    if (iq.signal?.aborted) abort();
    try {
      // An answer may be rejected while the write still waits: both are watched from the start.
      const write = this.#deps.request(xml('iq', { type: iq.type, id, to: iq.to, from: iq.from }, iq.child));
      return await Promise.race([promise, write.then(() => promise)]);
    } finally {
      clearTimeout(limit);
      iq.signal?.removeEventListener('abort', abort);
      this.#waiting.delete(id);
    }
  }

  take(stanza: Element): void {
    const { type } = stanza.attrs;
    if (type === 'result' || type === 'error') this.#takeAnswer(stanza, type);
    else void this.#answer(stanza);
  }

  #takeAnswer(stanza: Element, type: string): void {
    const waiting = this.#waiting.get(stanza.attrs.id ?? '');
    if (!waiting || !this.#isFrom(stanza.attrs.from, waiting.to)) return;
    if (type === 'error') waiting.reject(parseError(stanza));
    else waiting.resolve(stanza);
  }

  /** The server may answer for the own account, and for itself, with or without `from` (RFC 6120 section 8.1.2.1). */
  #isFrom(from: string | undefined, to: string | undefined): boolean {
    const own = this.#deps.ownJid();
    if (to !== undefined && from !== undefined) return sameJid(from, to);
    if (to === undefined)
      return from === undefined || sameJid(from, bareOf(own)) || sameJid(from, own) || sameJid(from, domainpartOf(own));
    return sameJid(to, bareOf(own)) || sameJid(to, domainpartOf(own));
  }

  async #answer(stanza: Element): Promise<void> {
    try {
      await this.#deps.answer(answerTo(stanza, await this.#contentFor(stanza)));
    } catch (error) {
      await this.#deps.answer(answerTo(stanza, errorElement(this.#errorOf(error))));
    }
  }

  async #contentFor(stanza: Element): Promise<Element | undefined> {
    try {
      const [child, ...others] = stanza.getChildElements();
      const { type = '' } = stanza.attrs;
      if (!child || others.length > 0 || (type !== 'get' && type !== 'set')) throw MALFORMED;
      const handler = this.#handlers.get(`${type} ${child.getName()} ${child.getNS() ?? ''}`);
      if (!handler) throw UNKNOWN;
      const own = this.#deps.ownJid();
      const { from = bareOf(own), to = own, id = '' } = stanza.attrs;
      return await handler({ stanza, child, from, to, id });
    } catch (error) {
      return errorElement(this.#errorOf(error));
    }
  }

  #errorOf(error: unknown): Failure | StanzaError {
    if (error instanceof Failure || error instanceof StanzaError) return error;
    this.#deps.onBug(error);
    return new Failure('internal', { id: randomUUID().slice(0, 8) });
  }
}

const answerTo = (stanza: Element, content: Element | undefined): Element =>
  xml(
    'iq',
    {
      to: stanza.attrs.from,
      from: stanza.attrs.to,
      id: stanza.attrs.id,
      type: content?.name === 'error' ? 'error' : 'result',
    },
    content,
  );
