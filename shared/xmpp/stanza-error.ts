import xml, { type Element } from '@xmpp/xml';
import {
  type Details,
  type ErrorType,
  FAILURES,
  type Failure,
  type FailureCode,
  isFailureCode,
} from '#shared/errors.ts';

/** Errors of stanzas: RFC 6120 section 8.3. */
export const STANZAS_NS = 'urn:ietf:params:xml:ns:xmpp-stanzas';
/** Our application condition: `<guest-not-found xmlns="urn:skerry:failure:1" guest="x"/>`. */
export const FAILURE_NS = 'urn:skerry:failure:1';
/** XEP-0050 section 4.4 puts its own conditions here. */
export const COMMANDS_NS = 'http://jabber.org/protocol/commands';

const COMMAND_CONDITIONS: ReadonlySet<string> = new Set([
  'bad-action',
  'malformed-action',
  'bad-sessionid',
  'session-expired',
  'bad-payload',
  'bad-locale',
]);

/** A stanza error that a peer sent, or that we answer with where no row of the failure table fits. */
export class StanzaError extends Error {
  readonly type: ErrorType;
  readonly condition: string;
  /** Ours, when the peer is a Skerry program. */
  readonly failure: FailureCode | undefined;
  readonly details: Details;

  constructor(type: ErrorType, condition: string, text = condition, failure?: FailureCode, details: Details = {}) {
    super(text);
    this.name = 'StanzaError';
    this.type = type;
    this.condition = condition;
    this.failure = failure;
    this.details = details;
  }
}

/** The `<error/>` that a failure is on the wire: type, condition, text, and the application condition with its details. */
export function errorElement(error: Failure | StanzaError): Element {
  if (error instanceof StanzaError) return bareError(error.type, error.condition, error.message);
  const [type, condition] = FAILURES[error.code];
  const element = bareError(type, condition, error.message);
  if (COMMAND_CONDITIONS.has(error.code)) element.append(xml(error.code, { xmlns: COMMANDS_NS }));
  const details = Object.entries(error.details).filter(([, value]) => value !== undefined);
  element.append(
    xml(error.code, { xmlns: FAILURE_NS, ...Object.fromEntries(details.map(([k, v]) => [k, printable(String(v))])) }),
  );
  return element;
}

/** What a peer's `<error/>` says. A stanza without one reads as `undefined-condition`. */
export function parseError(stanza: Element): StanzaError {
  const error = stanza.getChild('error');
  if (!error) return new StanzaError('cancel', 'undefined-condition');
  const children = error.getChildElements();
  const condition =
    children.find((child) => child.getNS() === STANZAS_NS && child.name !== 'text')?.name ?? 'undefined-condition';
  const ours = children.find((child) => child.getNS() === FAILURE_NS);
  const { xmlns: _, ...details } = ours?.attrs ?? {};
  const code = ours && isFailureCode(ours.name) ? ours.name : undefined;
  return new StanzaError(
    errorTypeOf(error.attrs.type),
    condition,
    error.getChildText('text', STANZAS_NS) ?? condition,
    code,
    details,
  );
}

function bareError(type: ErrorType, condition: string, text: string): Element {
  return xml(
    'error',
    { type },
    xml(condition, { xmlns: STANZAS_NS }),
    xml('text', { xmlns: STANZAS_NS, 'xml:lang': 'en' }, printable(text)),
  );
}

/** XML 1.0 has no way to write most control characters or lone surrogates: what others print may hold them. */
export const printable = (text: string): string =>
  text.toWellFormed().replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd');

const errorTypeOf = (word: string | undefined): ErrorType =>
  word === 'auth' || word === 'modify' || word === 'wait' ? word : 'cancel';
