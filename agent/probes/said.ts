import { messageOf } from '#shared/errors.ts';

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was cut off',
  EPIPE: 'the connection was cut off',
  ETIMEDOUT: 'nobody answered',
  EHOSTUNREACH: 'there is no way to that host',
  ENETUNREACH: 'there is no way to that network',
  EADDRNOTAVAIL: 'that address cannot be reached from here',
  ENOTFOUND: 'the name is not known',
  EAI_AGAIN: 'the name cannot be looked up at the moment',
  ENODATA: 'the name has no address',
  ESERVFAIL: 'the name server failed',
  EREFUSED: 'the name server refused to answer',
  ETIMEOUT: 'no name server answered',
  EBADNAME: 'this is no name that could be looked up',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is not to be trusted: it is signed by itself',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not to be trusted: nobody known vouches for it',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not to be trusted: nobody known vouches for it',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
};

/** What went wrong with a connection or a question, in words. Where several addresses were tried, the last one counts. */
export function saidOf(error: unknown): string {
  const last = error instanceof AggregateError ? (error.errors.at(-1) ?? error) : error;
  const code = codeOf(last);
  return (Object.hasOwn(WORDS, code) ? WORDS[code] : undefined) ?? messageOf(last);
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
