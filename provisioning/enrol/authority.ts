import { readFile } from 'node:fs/promises';
import { Failure, messageOf } from '#shared/errors.ts';
import { lookAtServer } from '../tls/look.ts';
import type { Service } from './service.ts';

const PIN = /^sha256:([0-9a-f]{64})$/;

/**
 * The certificate authority that `--ca` names: a PEM file, or `sha256:` and the digest of a certificate that the server sends with its
 * own. So one line with the digest is enough for a new host, and whoever stands between it and the server is found out.
 *
 * @returns PEM
 * @throws Failure config-invalid, tls-untrusted, server-unreachable, tls-missing
 */
export async function authorityAt(named: string, service: Service, domain: string): Promise<string> {
  const pin = PIN.exec(named.toLowerCase())?.[1];
  if (pin === undefined) return await textOf(named);
  const { chain } = await lookAtServer(service, domain);
  const found = chain.find((each) => digestOf(each.fingerprint256) === pin);
  if (found === undefined)
    throw new Failure('tls-untrusted', {
      service: `${service.host}:${service.port}`,
      problem: `none of the ${chain.length} certificates that it sends has the digest of --ca; it sends ${chain.map((each) => `sha256:${digestOf(each.fingerprint256)}`).join(', ')}`,
    });
  return found.toString();
}

/** `AA:BB:…` as Node writes it, in plain hex. */
export const digestOf = (fingerprint: string): string => fingerprint.replaceAll(':', '').toLowerCase();

export const textOf = (path: string): Promise<string> =>
  readFile(path, 'utf8').catch((error) => {
    throw new Failure('config-invalid', { file: path, problem: messageOf(error) });
  });
