import { X509Certificate } from 'node:crypto';
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import { Failure } from '#shared/errors.ts';
import { newKey, signAuthority, signServer } from './sign.ts';

/** A certificate that ends sooner than this is made anew. */
const RENEW_BEFORE_MS = 30 * 24 * 3600 * 1000;

export interface Certificates {
  /** The site's certificate authority, for clients to trust. */
  ca: string;
  /** Certificate and key of the server in one file, as ejabberd reads it. Mode 0600. */
  server: string;
  /** The files that this run made. */
  made: readonly string[];
}

/**
 * A certificate authority of the site's own and a server certificate for `domain` and what is below it. Run again, it keeps
 * what is valid, and makes anew what has run out, runs out within 30 days, or is not for all of these names. The authority
 * keeps its key when its certificate is renewed.
 *
 * @param moreNames DNS names or addresses by which the server is reached, besides those of the domain
 * @throws Failure bad-argument; setup-needed where openssl is missing or refuses, or the authority's key is elsewhere and needed
 */
export async function ensureCertificates(
  folder: string,
  domain: string,
  moreNames: readonly string[] = [],
): Promise<Certificates> {
  const names = namesOf(domain, moreNames);
  const { ca, caKey, server } = filesIn(folder);
  const made = await staleCertificates(folder, domain, moreNames);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (made.includes(ca)) await writeWhole(ca, await signAuthority(domain, await keyIn(caKey)), 0o644);
  // A new certificate of the same authority does not make this one stale, one of another does.
  if (made.includes(server) || (await isStale(server, names, ca))) {
    await writeWhole(server, await serverWith(names, await readFile(ca, 'utf8'), caKey), 0o600);
    if (!made.includes(server)) made.push(server);
  }
  await chmod(server, 0o600);
  return { ca, server, made };
}

/** The files of these certificates that are to be made, or made anew. @throws Failure bad-argument */
export async function staleCertificates(
  folder: string,
  domain: string,
  moreNames: readonly string[] = [],
): Promise<string[]> {
  const names = namesOf(domain, moreNames);
  const { ca, server } = filesIn(folder);
  const isAuthorityFresh = isFresh(await certificateIn(ca));
  const isServerStale = isAuthorityFresh ? await isStale(server, names, ca) : !isFresh(await certificateIn(server));
  return [...(isAuthorityFresh ? [] : [ca]), ...(isServerStale ? [server] : [])];
}

const filesIn = (folder: string) => ({
  ca: join(folder, 'ca.pem'),
  caKey: join(folder, 'ca.key'),
  server: join(folder, 'server.pem'),
});

const isStale = async (server: string, names: readonly string[], ca: string): Promise<boolean> =>
  !isFor(names, await certificateIn(server), new X509Certificate(await readFile(ca)));

/** The wildcard covers the services too; they are named for clients that know no wildcards. */
function namesOf(domain: string, moreNames: readonly string[]): string[] {
  for (const name of [domain, ...moreNames]) {
    if (!isIP(name) && !z.hostname().safeParse(name).success)
      throw new Failure('bad-argument', {
        field: 'name of the server',
        problem: `${JSON.stringify(name)} cannot be one`,
      });
  }
  const services = ['conference', 'pubsub', 'upload', 'central'].map((service) => `${service}.${domain}`);
  return [domain, `*.${domain}`, ...services, 'localhost', '127.0.0.1', '::1', ...moreNames];
}

async function certificateIn(file: string): Promise<X509Certificate | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.includes('BEGIN CERTIFICATE') ? new X509Certificate(text) : undefined;
}

const isFresh = (certificate: X509Certificate | undefined): certificate is X509Certificate =>
  certificate !== undefined && Date.parse(certificate.validTo) - Date.now() >= RENEW_BEFORE_MS;

const isFor = (names: readonly string[], found: X509Certificate | undefined, authority: X509Certificate): boolean =>
  isFresh(found) &&
  found.verify(authority.publicKey) &&
  names.every((name) => (isIP(name) ? found.checkIP(name) : found.checkHost(name, { wildcards: false })));

/** The authority's key, which is made where there is none. */
async function keyIn(file: string): Promise<string> {
  const known = await readFile(file, 'utf8').catch(() => undefined);
  const key = known ?? newKey();
  if (known === undefined) await writeWhole(file, key, 0o600);
  await chmod(file, 0o600);
  return key;
}

/** Certificate and key in one text, so that neither ever is without the other. */
async function serverWith(names: readonly string[], authority: string, keyFile: string): Promise<string> {
  const authorityKey = await readFile(keyFile, 'utf8').catch(() => {
    const problem = `The server's certificate must be made anew, and the key of its authority is not at ${keyFile}`;
    throw new Failure('setup-needed', { problem });
  });
  const key = newKey();
  return (await signServer(names, key, authority, authorityKey)) + key;
}

async function writeWhole(file: string, text: string, mode: number): Promise<void> {
  await writeFile(`${file}.new`, text, { mode });
  await rename(`${file}.new`, file);
}
