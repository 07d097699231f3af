import { Failure, messageOf } from '#shared/errors.ts';

/** Codes of node:tls and OpenSSL that mean: there is TLS, and it is not to be trusted. */
const UNTRUSTED: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'it has expired',
  CERT_NOT_YET_VALID: 'it is not valid yet',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it signed itself, and is not the certificate authority that was given',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate authority is not the one that was given',
  UNABLE_TO_GET_ISSUER_CERT: 'its certificate authority is not known',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate authority is not known',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate authority is not known',
  CERT_UNTRUSTED: 'its certificate authority is not known',
  CERT_SIGNATURE_FAILURE: 'its signature is wrong',
  CERT_CHAIN_TOO_LONG: 'its chain of authorities is too long',
  CERT_REVOKED: 'it was revoked',
  INVALID_CA: 'its certificate authority may not sign',
  INVALID_PURPOSE: 'it is not made for servers',
};

/** What OpenSSL says when the other side does not speak TLS. */
const NO_TLS: ReadonlySet<string> = new Set([
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
  'ERR_SSL_RECORD_LAYER_FAILURE',
  'EPROTO',
]);

/** Stream errors (RFC 6120 section 4.9.3) that say who one is, or claims to be, is not accepted. */
const REFUSED: Readonly<Record<string, string>> = {
  'not-authorized': 'not-authorized',
  'host-unknown': 'the server does not serve that domain',
  'host-gone': 'the server does no longer serve that domain',
};

/** SASL conditions (RFC 6120 section 6.5) that waiting may mend. */
const PASSING: ReadonlySet<string> = new Set(['temporary-auth-failure', 'aborted']);

interface Clues {
  code?: string;
  name?: string;
  condition?: string;
  text?: string;
  reason?: string;
}

const cluesOf = (error: unknown): Clues => (typeof error === 'object' && error !== null ? error : {});

/** What went wrong on the way to the server, as a row of the failure table. */
export function failureOf(error: unknown, service: string, account: string): Failure {
  if (error instanceof Failure) return error;
  const { code = '', name, condition = '', text, reason } = cluesOf(error);
  const cause = { cause: error };
  const untrusted = code === 'ERR_TLS_CERT_ALTNAME_INVALID' ? `it is for another name: ${reason}` : UNTRUSTED[code];
  if (untrusted) return new Failure('tls-untrusted', { service, problem: untrusted }, cause);
  if (NO_TLS.has(code)) return new Failure('tls-missing', { service }, cause);
  const said = text ? `${condition} (${text})` : condition;
  if (name === 'SASLError' && !PASSING.has(condition)) {
    return new Failure('login-refused', { account, problem: said || messageOf(error) }, cause);
  }
  if (name === 'StreamError' && REFUSED[condition]) {
    return new Failure('login-refused', { account, problem: text || REFUSED[condition] }, cause);
  }
  const problem = name === 'StreamError' ? `the stream ended with ${said}` : said || messageOf(error);
  return new Failure('server-unreachable', { service, problem }, cause);
}

/** Trouble that waiting does not mend: start() gives up, and a running entity tries again slowly. */
export const isFinal = (failure: Failure): boolean =>
  failure.code === 'tls-missing' || failure.code === 'tls-untrusted' || failure.code === 'login-refused';

/** Another session took the address: to take it back at once, and again, would be a fight without end. */
export const isConflict = (failure: Failure): boolean => cluesOf(failure.cause).condition === 'conflict';
