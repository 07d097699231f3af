import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readIfThere } from '#agent/files/folder.ts';
import { Failure } from '#shared/errors.ts';

/** A host's key. The private half goes to files of mode 0600, and nowhere else. */
export interface WireguardKey {
  /** In base64, as WireGuard writes keys. */
  privateKey: string;
  publicKey: string;
}

/** DER of a Curve25519 private key (RFC 8410 section 7), before its 32 bytes. */
const BEFORE = Buffer.from('302e020100300506032b656e04220420', 'hex');
const FORM = /^[A-Za-z0-9+/]{43}=\n?$/;

/** The key in a folder, made there where there is none. @throws Failure network-host where the file holds none; it is not replaced */
export async function keyIn(folder: string, host: string): Promise<WireguardKey> {
  const file = join(folder, 'key');
  const text = (await readIfThere(file)) ?? (await made(folder, file));
  // What it holds is not told.
  if (!FORM.test(text)) throw new Failure('network-host', { host, problem: `${file} holds no WireGuard key` });
  const privateKey = text.trim();
  return { privateKey, publicKey: publicOf(Buffer.from(privateKey, 'base64')) };
}

function publicOf(bytes: Buffer): string {
  const key = createPrivateKey({ key: Buffer.concat([BEFORE, bytes]), format: 'der', type: 'pkcs8' });
  return rawOf(createPublicKey(key), 'spki');
}

/** The last 32 bytes of either form are the key itself. */
const rawOf = (key: KeyObject, type: 'spki' | 'pkcs8'): string =>
  (type === 'spki' ? key.export({ format: 'der', type }) : key.export({ format: 'der', type }))
    .subarray(-32)
    .toString('base64');

async function made(folder: string, file: string): Promise<string> {
  const text = `${rawOf(generateKeyPairSync('x25519').privateKey, 'pkcs8')}\n`;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await keepSecret(file, text);
  return text;
}

/** Write a file that nobody else may read: whole or not at all, and on the disk before this resolves. Nothing happens where it holds that. */
export async function keepSecret(file: string, text: string): Promise<void> {
  if ((await readIfThere(file)) === text) return;
  await rm(`${file}.new`, { force: true });
  await using handle = await open(`${file}.new`, 'wx', 0o600);
  await handle.writeFile(text);
  await handle.sync();
  await rename(`${file}.new`, file);
}
