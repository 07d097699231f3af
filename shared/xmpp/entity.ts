import type { Element } from '@xmpp/xml';

/**
 * One connection to the XMPP server, client or component, as the rest of Skerry sees it. shared/xmpp/connection/ makes
 * them; test/conversation/ has one that is all in memory. Only this folder knows @xmpp.
 */
export interface Entity {
  /** The account or component: `host1@skerry.test`, `central.skerry.test`. */
  readonly bareJid: string;
  /** While online: with the resource that the server gave. */
  readonly fullJid: string | undefined;
  readonly isOnline: boolean;

  /**
   * Send an IQ and wait for its answer, which is matched by id and by the JID that it was sent to.
   * @returns the whole result stanza
   * @throws StanzaError what the peer answered; Failure no-answer, not-connected
   */
  request(iq: IqRequest): Promise<Element>;

  /**
   * Answer IQs whose child is `name` in `xmlns`. The handler returns the child of the result (undefined: an empty
   * result). A Failure or StanzaError that it throws becomes the error answer; anything else becomes `internal` and is told to `onBug`.
   */
  serve(type: 'get' | 'set', xmlns: string, name: string, handler: IqHandler): void;

  /** Every <message/>, errors included. Returns what takes the listener away. */
  onMessage(listener: (stanza: Element) => void): () => void;
  /** Every <presence/>. */
  onPresence(listener: (stanza: Element) => void): () => void;
  /** `online`: a new session, tell everything again. `resumed`: the old one goes on. `offline`: with why. */
  onStatus(listener: (status: Status) => void): () => void;

  /**
   * Send a stanza that expects no answer. While offline: `keep` sends it when online again (bounded), `drop` forgets it,
   * `refuse` throws Failure not-connected.
   */
  send(stanza: Element, whenOffline: 'keep' | 'drop' | 'refuse'): Promise<void>;

  /** Resolves when online for the first time. @throws Failure tls-missing, tls-untrusted, login-refused: final, told at once. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface IqRequest {
  /** Undefined: the server, on behalf of the own account. */
  to?: string;
  /** Only for components, which must say who speaks. */
  from?: string;
  type: 'get' | 'set';
  child: Element;
  /** 30 s unless given. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

export interface IqCall {
  /** The whole stanza; `from` was stamped by the server. */
  stanza: Element;
  child: Element;
  /** Full JID of who asks; for an IQ without `from`, the own bare JID (RFC 6120 section 8.1.2.1). */
  from: string;
  to: string;
  id: string;
}
export type IqHandler = (call: IqCall) => Promise<Element | undefined> | Element | undefined;

export type Status = { status: 'online' | 'resumed' } | { status: 'offline'; problem: string; retryMs: number };
