/**
 * Responsibilities: what outlives a connection: the address that the server gave, and, with XEP-0198, which stanzas each
 * side has, so that a session goes on over the next connection with none lost and none twice.
 *
 * Theory of operation: elements come in one by one, as they are parsed, and are counted before anybody sees them. That
 * matters twice: what stands in the same packet behind `<enabled/>` is counted, and so is every answer to an IQ
 * (@xmpp/stream-management gets both wrong, and the server then delivers commands a second time). What is sent is held until the server
 * says that it has it. When a session is over, `onLost` gets what the server never had.
 *
 * What can go wrong: a stanza that makes the server end the stream would end each stream on which it is sent again. When the server
 * has blamed us for three streams in a row and taken nothing meanwhile, what is held is given up.
 */
import xml, { type Element } from '@xmpp/xml';
import { Failure } from '#shared/errors.ts';
import { parseError } from '../stanza-error.ts';
import type { Wire } from './wire.ts';

const SM_NS = 'urn:xmpp:sm:3';
const BIND_NS = 'urn:ietf:params:xml:ns:xmpp-bind';
const ACK_AFTER_MS = 1_000;
const ACK_AFTER_STANZAS = 64;
const BLAMED_STREAMS_MAX = 3;

/** Ends of streams that what we sent may be the cause of (RFC 6120 section 4.9.3). */
const BLAME: ReadonlySet<string | undefined> = new Set([
  'bad-format',
  'bad-namespace-prefix',
  'internal-server-error',
  'invalid-from',
  'invalid-namespace',
  'invalid-xml',
  'not-well-formed',
  'policy-violation',
  'restricted-xml',
  'undefined-condition',
  'unsupported-stanza-type',
]);

export interface SessionDeps {
  /** Every stanza of the session. */
  onStanza(stanza: Element): void;
  /** The session is over; the server never said that it had these. `mayResend` is false where they may be why. */
  onLost(stanzas: Element[], mayResend: boolean): void;
  /** How long the server is asked to keep the session without a connection, in s; else as long as it likes. */
  resumeS?: number | undefined;
}

interface Held {
  stanza: Element;
  text: string;
}

export class Session {
  /** Full JID, of the last session that there was. */
  jid = '';
  readonly #deps: SessionDeps;
  #wire: Wire | undefined;
  /** Names the session to resume; empty where there is none. */
  #id = '';
  #isManaged = false;
  #received = 0;
  #acked = 0;
  #held: Held[] = [];
  #blamed = 0;
  #answer: ((element: Element) => boolean) | undefined;
  #ackTimer: NodeJS.Timeout | undefined;
  #isAckAsked = false;

  constructor(deps: SessionDeps) {
    this.#deps = deps;
  }

  /** Whether the server may still have the session while there is no connection. */
  get isResumable(): boolean {
    return this.#id !== '';
  }

  /** Resume the session over a new stream that has logged in, or begin a new one (RFC 6120 section 7, XEP-0198 section 5). */
  async negotiate(wire: Wire, features: Element, resource: string | undefined): Promise<'online' | 'resumed'> {
    const isOffered = features.getChild('sm', SM_NS) !== undefined;
    wire.hear((element) => this.#take(element));
    this.#wire = wire;
    if (isOffered && this.isResumable && (await this.#resume())) return 'resumed';
    this.#end();
    await this.#bind(resource);
    if (isOffered) await this.#enable();
    return 'online';
  }

  /**
   * Begin by a handshake, with nothing to negotiate: a component (XEP-0114). What stands in the same packet behind the server's part of it is of the
   * session already.
   */
  async shake(wire: Wire, jid: string, handshake: Element): Promise<void> {
    this.#end();
    wire.hear((element) => this.#take(element));
    this.#wire = wire;
    await this.#ask(handshake, (element) => {
      if (element.name !== 'handshake') return undefined;
      this.jid = jid;
      return true;
    });
  }

  /** The connection is gone; the session goes on where it can be resumed. */
  detach(reason: Error & { condition?: string }): void {
    this.#wire = undefined;
    this.#answer = undefined;
    this.#isManaged = false;
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    this.#isAckAsked = false;
    if (this.#held.length > 0 && BLAME.has(reason.condition)) this.#blamed += 1;
    if (!this.isResumable || this.#blamed >= BLAMED_STREAMS_MAX) this.#end();
  }

  /**
   * Resolves when the stanza is on its way, or is held for the next connection.
   * @throws Failure not-connected
   */
  async send(stanza: Element, text: string): Promise<void> {
    const wire = this.#wire;
    if (!wire) throw new Failure('not-connected');
    const isHeld = this.#isManaged;
    if (isHeld) {
      this.#held.push({ stanza, text });
      this.#askForAckSoon();
    }
    try {
      await wire.write(text);
    } catch (error) {
      if (!isHeld) throw new Failure('not-connected', {}, { cause: error });
    }
  }

  /** Make the server say something. */
  probe(): void {
    if (this.#isManaged) this.#askForAck();
    else this.#wire?.write(pingOf(this.jid).toString()).catch(() => {});
  }

  /** Say goodbye; the session is over on both sides. */
  async close(): Promise<void> {
    const wire = this.#wire;
    if (this.#isManaged) this.#sendAck();
    await wire?.close();
    this.#id = '';
    this.detach(new Error('closed'));
  }

  async #resume(): Promise<boolean> {
    const request = xml('resume', { xmlns: SM_NS, h: this.#received, previd: this.#id });
    const isResumed = await this.#ask(request, (element) => {
      if (!element.is('resumed', SM_NS) && !element.is('failed', SM_NS)) return undefined;
      // A server that has forgotten the session may still know how far it got.
      if (element.attrs.h !== undefined) this.#acknowledge(Number(element.attrs.h));
      this.#isManaged = element.is('resumed', SM_NS);
      return this.#isManaged;
    });
    if (!isResumed) return false;
    if (this.#held.length > 0) {
      await this.#wire?.writeAll(this.#held.map((held) => held.text));
      this.#askForAck();
    }
    return true;
  }

  async #bind(resource: string | undefined): Promise<void> {
    const request = xml(
      'iq',
      { type: 'set', id: 'bind', xmlns: 'jabber:client' },
      xml('bind', { xmlns: BIND_NS }, resource === undefined ? undefined : xml('resource', {}, resource)),
    );
    const answer = await this.#ask(request, (element) => {
      if (element.name !== 'iq' || element.attrs.id !== 'bind') return undefined;
      this.jid = element.getChild('bind', BIND_NS)?.getChildText('jid') ?? '';
      return element;
    });
    if (answer.attrs.type === 'error') throw parseError(answer);
    if (this.jid === '') throw new Error('the server gave no address');
  }

  async #enable(): Promise<void> {
    this.#isManaged = true;
    await this.#ask(xml('enable', { xmlns: SM_NS, resume: 'true', max: this.#deps.resumeS }), (element) => {
      if (!element.is('enabled', SM_NS) && !element.is('failed', SM_NS)) return undefined;
      this.#isManaged = element.is('enabled', SM_NS);
      this.#id = this.#isManaged && /^(true|1)$/.test(element.attrs.resume ?? '') ? (element.attrs.id ?? '') : '';
      this.#received = 0;
      return true;
    });
  }

  /** `answerOf` is called with each element as it comes; what follows in the same packet finds its effect done. */
  async #ask<T>(request: Element, answerOf: (element: Element) => T | undefined): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<T>();
    this.#answer = (element) => {
      const answer = answerOf(element);
      if (answer === undefined) return false;
      this.#answer = undefined;
      resolve(answer);
      return true;
    };
    await this.#wire?.write(request.toString());
    return promise;
  }

  #take(element: Element): void {
    if (this.#answer?.(element)) return;
    if (element.name === 'iq' || element.name === 'message' || element.name === 'presence') {
      this.#received = (this.#received + 1) >>> 0;
      this.#deps.onStanza(element);
    } else if (element.is('r', SM_NS)) this.#sendAck();
    else if (element.is('a', SM_NS)) {
      this.#isAckAsked = false;
      this.#acknowledge(Number(element.attrs.h));
      if (this.#held.length > 0) this.#askForAckSoon();
    }
  }

  #sendAck(): void {
    this.#wire?.write(xml('a', { xmlns: SM_NS, h: this.#received }).toString()).catch(() => {});
  }

  /** The server has the first `h` stanzas of the session (counted modulo 2^32). */
  #acknowledge(h: number): void {
    const count = (h - this.#acked) >>> 0;
    if (count > this.#held.length) {
      this.#id = '';
      this.#wire?.drop(new Error(`the server counts ${count} stanzas where ${this.#held.length} were sent`));
      return;
    }
    if (count > 0) this.#blamed = 0;
    this.#acked = h;
    this.#held.splice(0, count);
  }

  #askForAckSoon(): void {
    if (this.#isAckAsked) return;
    if (this.#held.length >= ACK_AFTER_STANZAS) this.#askForAck();
    else this.#ackTimer ??= setTimeout(() => this.#askForAck(), ACK_AFTER_MS);
  }

  #askForAck(): void {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    this.#isAckAsked = true;
    this.#wire?.write(xml('r', { xmlns: SM_NS }).toString()).catch(() => {});
  }

  #end(): void {
    const lost = this.#held.map((held) => held.stanza);
    const mayResend = this.#blamed < BLAMED_STREAMS_MAX;
    if (!mayResend) this.#blamed = 0;
    const wasOpen = this.jid !== '';
    this.#held = [];
    this.#id = '';
    this.#acked = 0;
    this.#received = 0;
    if (wasOpen) this.#deps.onLost(lost, mayResend);
  }
}

/** XEP-0199. Any answer will do, an error too: it shows that the server is there. */
const pingOf = (jid: string): Element => {
  const isComponent = !jid.includes('@');
  const to = isComponent ? jid : undefined; // A client's server answers for the account.
  return xml(
    'iq',
    { type: 'get', id: 'alive', to, ...(isComponent ? { from: jid } : { xmlns: 'jabber:client' }) },
    xml('ping', { xmlns: 'urn:xmpp:ping' }),
  );
};
