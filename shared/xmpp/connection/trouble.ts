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
  CERT_SIGNATURE_FAILURE: 'its signature is wrong',
  CERT_REVOKED: 'it was revoked',
  INVALID_CA: 'its certificate authority may not sign',
};

interface Coded {
  code?: string;
  name?: string;
  condition?: string;
  reason?: string;
}

/** What went wrong on the way to the server, as a row of the failure table. */
export function failureOf(error: unknown, service: string, account: string): Failure {
  if (error instanceof Failure) return error;
  const {
    code = '',
    name = '',
    condition = '',
    reason,
  } = (typeof error === 'object' && error !== null ? error : {}) as Coded;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return new Failure(
      'tls-untrusted',
      { service, problem: `it is for another name: ${reason ?? messageOf(error)}` },
      { cause: error },
    );
  }
  if (Object.hasOwn(UNTRUSTED, code))
    return new Failure('tls-untrusted', { service, problem: UNTRUSTED[code] }, { cause: error });
  if (name === 'SASLError')
    return new Failure('login-refused', { account, problem: condition || messageOf(error) }, { cause: error });
  return new Failure(
    'server-unreachable',
    { service, problem: condition ? `the stream ended with ${condition}` : messageOf(error) },
    { cause: error },
  );
}

/** Trouble that waiting does not mend: start() gives up, and a running entity tries again slowly. */
export const isFinal = (failure: Failure): boolean =>
  failure.code === 'tls-missing' || failure.code === 'tls-untrusted' || failure.code === 'login-refused';

/** Another session took the resource: to fight over it would be a loop. */
export const isConflict = (failure: Failure): boolean => /ended with conflict/.test(failure.message);
