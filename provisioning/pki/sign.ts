import { generateKeyPairSync } from 'node:crypto';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { Failure } from '#shared/errors.ts';

const AUTHORITY_DAYS = 3650;
/** What browsers accept at most. */
const SERVER_DAYS = 397;
const OPENSSL_TIMEOUT_MS = 30_000;

type Rows = Readonly<Record<string, string>>;
/** What openssl reads, as files of a folder that only the owner can enter and that is gone afterwards. */
type Files = Readonly<Record<string, string>>;

/** A private key in PEM: P-256, which every TLS 1.3 has (RFC 8446 section 9.1). */
export const newKey = (): string =>
  generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  }).privateKey;

/** The certificate of an authority, in PEM. @throws Failure setup-needed */
export const signAuthority = (domain: string, key: string): Promise<string> =>
  sign({
    days: AUTHORITY_DAYS,
    subject: { CN: 'Skerry site authority', O: domain },
    extensions: {
      basicConstraints: 'critical,CA:TRUE,pathlen:0',
      keyUsage: 'critical,keyCertSign,cRLSign',
      subjectKeyIdentifier: 'hash',
    },
    files: { 'subject.key': key },
  });

/** The certificate of a server with these names and addresses, in PEM. @throws Failure setup-needed */
export const signServer = (
  names: readonly string[],
  key: string,
  authority: string,
  authorityKey: string,
  days: number = SERVER_DAYS,
): Promise<string> =>
  sign({
    days,
    subject: { CN: names[0] ?? '' },
    extensions: {
      basicConstraints: 'critical,CA:FALSE',
      keyUsage: 'critical,digitalSignature',
      extendedKeyUsage: 'serverAuth',
      subjectKeyIdentifier: 'hash',
      authorityKeyIdentifier: 'keyid',
      subjectAltName: names.map((name) => `${isIP(name) ? 'IP' : 'DNS'}:${name}`).join(','),
    },
    files: { 'subject.key': key, 'authority.pem': authority, 'authority.key': authorityKey },
    args: ['-CA', 'authority.pem', '-CAkey', 'authority.key'],
  });

interface Request {
  days: number;
  subject: Rows;
  extensions: Rows;
  files: Files;
  args?: readonly string[];
}

/** With a configuration of its own: what Debian's adds to a certificate is not what is meant here. */
async function sign({ days, subject, extensions, files, args = [] }: Request): Promise<string> {
  const configuration = [
    ...['[req]', 'prompt = no', 'distinguished_name = subject', 'x509_extensions = extensions'],
    ...['[subject]', ...lines(subject), '[extensions]', ...lines(extensions), ''],
  ].join('\n');
  await using folder = await mkdtempDisposable(join(tmpdir(), 'skerry-pki-'));
  for (const [name, text] of Object.entries({ ...files, 'openssl.cnf': configuration }))
    await writeFile(join(folder.path, name), text, { mode: 0o600 });
  const { failed, stdout, stderr, shortMessage } = await execa(
    'openssl',
    ['req', '-new', '-x509', '-sha256', '-days', `${days}`, '-key', 'subject.key', ...args, '-config', 'openssl.cnf'],
    { cwd: folder.path, reject: false, timeout: OPENSSL_TIMEOUT_MS },
  );
  if (failed) throw new Failure('setup-needed', { problem: `openssl req: ${stderr || shortMessage}` });
  return `${stdout}\n`;
}

const lines = (rows: Rows): string[] => Object.entries(rows).map(([key, value]) => `${key} = ${value}`);
