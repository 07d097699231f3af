import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Failure, messageOf } from '#shared/errors.ts';
import { lookAtServer } from '../tls/look.ts';
import type { Service } from './service.ts';

const PIN = /^sha256:([0-9a-f]{64})$/;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * The certificate authority that `--ca` names: a PEM file, or `sha256:` and the digest of a certificate that the server sends with its
 * own. So one line with the digest is enough for a new host, and whoever stands between it and the server is found out.
 *
 * @returns PEM
 * @throws Failure bad-argument, config-invalid, tls-untrusted, server-unreachable, tls-missing
 */
export async function authorityAt(named: string, service: Service, domain: string): Promise<string> {
  if (!isPin(named)) return await textOf(named);
  const pin = pinIn(named);
  const { chain } = await lookAtServer(service, domain);
  const found = chain.find((each) => digestOf(each.fingerprint256) === pin);
  if (found === undefined)
    throw new Failure('tls-untrusted', {
      service: `${service.host}:${service.port}`,
      problem: `none of the ${chain.length} certificates that it sends has the digest of --ca; it sends ${chain.map((each) => `sha256:${digestOf(each.fingerprint256)}`).join(', ')}`,
    });
  return found.toString();
}

export const isPin = (named: string): boolean => /^sha256:/i.test(named);

/** @throws Failure bad-argument */
function pinIn(named: string): string {
  const pin = PIN.exec(named.toLowerCase())?.[1];
  if (pin === undefined)
    throw new Failure('bad-argument', {
      field: '--ca',
      problem: 'a digest is sha256: and 64 digits and letters a to f',
    });
  return pin;
}

/** Whether one of the certificates in a text has the digest. @throws Failure bad-argument */
export function holdsPinned(text: string, named: string): boolean {
  const pin = pinIn(named);
  return (text.match(CERTIFICATE) ?? []).some((pem) => {
    try {
      return digestOf(new X509Certificate(pem).fingerprint256) === pin;
    } catch {
      return false;
    }
  });
}

/** `AA:BB:…` as Node writes it, in plain hex. */
export const digestOf = (fingerprint: string): string => fingerprint.replaceAll(':', '').toLowerCase();

export const textOf = (path: string): Promise<string> =>
  readFile(path, 'utf8').catch((error) => {
    throw new Failure('config-invalid', { file: path, problem: messageOf(error) });
  });
