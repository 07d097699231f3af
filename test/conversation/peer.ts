import xml, { type Element, Parser } from '@xmpp/xml';
import { Failure } from '#shared/errors.ts';
import type { Entity, IqHandler, Status } from '#shared/xmpp/entity.ts';
import { errorElement, StanzaError } from '#shared/xmpp/stanza-error.ts';

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

/** An Entity with no network: what it is sent goes to its handlers, what it sends is kept. */
export class FakeEntity implements Entity {
  readonly bareJid = 'host1@skerry.test';
  fullJid: string | undefined = 'host1@skerry.test/agent';
  isOnline = true;
  readonly sent: Element[] = [];
  readonly bugs: unknown[] = [];
  readonly #handlers = new Map<string, IqHandler>();
  readonly #messages = new Set<(stanza: Element) => void>();
  readonly #presences = new Set<(stanza: Element) => void>();
  readonly #statuses = new Set<(status: Status) => void>();
  #waiting: (() => void)[] = [];

  serve(type: 'get' | 'set', xmlns: string, name: string, handler: IqHandler): void {
    this.#handlers.set(`${type} ${name} ${xmlns}`, handler);
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

  /** An IQ comes; what is answered, as a whole stanza. */
  async receives(text: string | Element): Promise<Element> {
    const stanza = typeof text === 'string' ? parse(text) : text;
    const [child] = stanza.getChildElements();
    const { from = '', id = '', type } = stanza.attrs;
    const reply = xml('iq', { to: from, id });
    const handler = child && this.#handlers.get(`${type} ${child.name} ${child.getNS()}`);
    const content = await this.#contentOf(handler, stanza, child, from, id);
    reply.attrs.type = content?.name === 'error' ? 'error' : 'result';
    if (content) reply.append(content);
    return reply;
  }

  async #contentOf(
    handler: IqHandler | undefined,
    stanza: Element,
    child: Element | undefined,
    from: string,
    id: string,
  ) {
    if (!handler || !child) return errorElement(new StanzaError('cancel', 'service-unavailable'));
    try {
      return await handler({ stanza, child, from, to: this.fullJid ?? this.bareJid, id });
    } catch (error) {
      if (error instanceof Failure || error instanceof StanzaError) return errorElement(error);
      this.bugs.push(error);
      return errorElement(new Failure('internal', { id: 'test' }));
    }
  }

  hears(text: string): void {
    const stanza = parse(text);
    const listeners = stanza.name === 'message' ? this.#messages : this.#presences;
    for (const listener of listeners) listener(stanza);
  }

  /** The n-th message that it sent, waited for. */
  async says(count = 1): Promise<string[]> {
    const bodies = (): string[] => this.sent.flatMap((stanza) => stanza.getChildText('body') ?? []);
    while (bodies().length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return bodies();
  }
}
