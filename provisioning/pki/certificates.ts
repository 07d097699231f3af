import { X509Certificate } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { Failure } from '#shared/errors.ts';

const DAYS_CA = 3650;
const DAYS_SERVER = 397;
/** A certificate that ends sooner than this is made anew. */
const RENEW_BEFORE_MS = 30 * 24 * 3600 * 1000;

export interface Certificates {
  /** The site's certificate authority, for clients to trust. */
  ca: string;
  /** Certificate and key of the server in one file, as ejabberd reads it. Mode 0600. */
  server: string;
}

/**
 * A certificate authority of the site's own and a server certificate for `domain` and what is below it. Run again, it keeps
 * what is valid, and makes anew what has run out, runs out within 30 days, or is for other names.
 *
 * Keys are P-256 (RFC 8446 section 9.1 has it mandatory). @throws Failure setup-needed where openssl is missing or refuses
 */
export async function ensureCertificates(folder: string, domain: string): Promise<Certificates> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const files = { ca: join(folder, 'ca.pem'), caKey: join(folder, 'ca.key'), server: join(folder, 'server.pem') };
  if (!(await isValid(files.ca))) await makeAuthority(files.ca, files.caKey, domain);
  const authority = new X509Certificate(await readFile(files.ca));
  if (!(await isValid(files.server, domain, authority))) await makeServer(folder, files, domain);
  return { ca: files.ca, server: files.server };
}

/** What a server of this domain is called. */
const namesOf = (domain: string): string[] => [domain, `*.${domain}`, 'localhost'];

async function isValid(file: string, domain?: string, authority?: X509Certificate): Promise<boolean> {
  const text = await readFile(file, 'utf8').catch(() => '');
  if (!text.includes('BEGIN CERTIFICATE')) return false;
  const certificate = new X509Certificate(text);
  if (Date.parse(certificate.validTo) - Date.now() < RENEW_BEFORE_MS) return false;
  if (authority && !certificate.verify(authority.publicKey)) return false;
  const names = certificate.subjectAltName ?? '';
  return domain === undefined || namesOf(domain).every((name) => names.split(', ').includes(`DNS:${name}`));
}

async function makeAuthority(file: string, keyFile: string, domain: string): Promise<void> {
  await openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', keyFile]);
  await openssl([
    'req',
    '-x509',
    '-new',
    '-key',
    keyFile,
    '-sha256',
    '-days',
    String(DAYS_CA),
    '-subj',
    `/CN=${domain} site authority`,
    '-addext',
    'basicConstraints=critical,CA:TRUE,pathlen:0',
    '-addext',
    'keyUsage=critical,keyCertSign,cRLSign',
    '-out',
    file,
  ]);
}

async function makeServer(
  folder: string,
  files: { ca: string; caKey: string; server: string },
  domain: string,
): Promise<void> {
  const at = (name: string): string => join(folder, name);
  const names = [...namesOf(domain).map((name) => `DNS:${name}`), 'IP:127.0.0.1', 'IP:::1'].join(',');
  await writeFile(
    at('server.ext'),
    `subjectAltName=${names}\nbasicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth\n`,
  );
  await openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', at('server.key')]);
  await openssl(['req', '-new', '-key', at('server.key'), '-subj', `/CN=${domain}`, '-out', at('server.csr')]);
  await openssl([
    'x509',
    '-req',
    '-in',
    at('server.csr'),
    '-CA',
    files.ca,
    '-CAkey',
    files.caKey,
    '-CAcreateserial',
    '-sha256',
    '-days',
    String(DAYS_SERVER),
    '-extfile',
    at('server.ext'),
    '-out',
    at('server.crt'),
  ]);
  const both = (await readFile(at('server.crt'), 'utf8')) + (await readFile(at('server.key'), 'utf8'));
  await writeFile(`${files.server}.new`, both, { mode: 0o600 });
  await rename(`${files.server}.new`, files.server);
}

async function openssl(args: readonly string[]): Promise<void> {
  const { failed, stderr, shortMessage } = await execa('openssl', args, { reject: false, timeout: 30_000 });
  if (failed) throw new Failure('setup-needed', { problem: `openssl ${args[0]}: ${stderr || shortMessage}` });
}
