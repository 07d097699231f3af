import { type Element, Parser } from '@xmpp/xml';
import { Failure } from '#shared/errors.ts';
import { IqTraffic } from '#shared/xmpp/connection/iq.ts';
import type { Entity, IqHandler, Status } from '#shared/xmpp/entity.ts';
import { printable } from '#shared/xmpp/stanza-error.ts';

/** XML text to an element, as a stream would parse it. */
export function parse(text: string): Element {
  const parser = new Parser();
  let found: Element | undefined;
  parser.on('error', (error: never) => {
    throw error;
  });
  parser.on('element', (element: never) => {
    found = element;
  });
  parser.write(`<stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams">${text}`);
  if (!found) throw new Error(`not one element: ${text}`);
  return found;
}

/** An Entity with no network: what it is sent goes to its handlers, what it sends is kept. IQs pass the real IqTraffic. */
export class FakeEntity implements Entity {
  readonly bareJid = 'host1@skerry.test';
  fullJid: string | undefined = 'host1@skerry.test/agent';
  isOnline = true;
  readonly sent: Element[] = [];
  readonly bugs: unknown[] = [];
  readonly #answers = new Map<string, (answer: Element) => void>();
  readonly #iqs: IqTraffic;
  readonly #messages = new Set<(stanza: Element) => void>();
  readonly #presences = new Set<(stanza: Element) => void>();
  readonly #statuses = new Set<(status: Status) => void>();
  #waiting: (() => void)[] = [];
  #asked = 0;

  constructor() {
    this.#iqs = new IqTraffic({
      request: async () => {
        throw new Failure('not-connected');
      },
      answer: async (stanza) => this.#answers.get(stanza.attrs.id ?? '')?.(stanza),
      ownJid: () => this.fullJid ?? this.bareJid,
      onBug: (error) => this.bugs.push(error),
    });
  }

  serve(type: 'get' | 'set', xmlns: string, name: string, handler: IqHandler): void {
    this.#iqs.serve(type, xmlns, name, handler);
  }
  onMessage(listener: (stanza: Element) => void): () => void {
    this.#messages.add(listener);
    return () => this.#messages.delete(listener);
  }
  onPresence(listener: (stanza: Element) => void): () => void {
    this.#presences.add(listener);
    return () => this.#presences.delete(listener);
  }
  onStatus(listener: (status: Status) => void): () => void {
    this.#statuses.add(listener);
    return () => this.#statuses.delete(listener);
  }
  request(): Promise<Element> {
    throw new Failure('not-connected');
  }
  async send(stanza: Element): Promise<void> {
    this.sent.push(stanza);
    for (const wake of this.#waiting.splice(0)) wake();
  }
  async start(): Promise<void> {}
  async stop(): Promise<void> {}

  /** An IQ comes; what is answered, as it reads on the wire. */
  async receives(text: string | Element): Promise<Element> {
    const stanza = typeof text === 'string' ? parse(text) : text;
    const { id } = stanza.attrs;
    const { promise, resolve } = Promise.withResolvers<Element>();
    const own = `asked-${++this.#asked}`;
    stanza.attrs.id = own;
    this.#answers.set(own, resolve);
    this.#iqs.take(stanza);
    const answer = await promise;
    this.#answers.delete(own);
    answer.attrs.id = id ?? '';
    return parse(printable(answer.toString()));
  }

  hears(text: string): void {
    const stanza = parse(text);
    const listeners = stanza.name === 'message' ? this.#messages : this.#presences;
    for (const listener of listeners) listener(stanza);
  }

  becomes(status: Status): void {
    for (const listener of this.#statuses) listener(status);
  }

  /** The n-th message that it sent, waited for. */
  async says(count = 1): Promise<string[]> {
    const bodies = (): string[] => this.sent.flatMap((stanza) => stanza.getChildText('body') ?? []);
    while (bodies().length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return bodies();
  }
}
