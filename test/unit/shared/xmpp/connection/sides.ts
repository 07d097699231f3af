import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import { client as stockClient } from '@xmpp/client';
import { ensureCertificates } from '#provisioning/pki/certificates.ts';
import { type ClientOptions, type Log, xmppClient } from '#shared/xmpp/connection/client.ts';
import type { Entity, Status } from '#shared/xmpp/entity.ts';
import type { ScriptedServer } from './scripted-server.ts';

export interface Pki {
  ca: string;
  context: SecureContext;
}

let made: Promise<Pki> | undefined;

/** A site's certificate authority, and a certificate for skerry.test; made once. */
export const pki = (): Promise<Pki> => {
  made ??= makePki();
  return made;
};

async function makePki(): Promise<Pki> {
  const folder = await mkdtemp(join(tmpdir(), 'skerry-pki-'));
  try {
    const { ca, server } = await ensureCertificates(folder, 'skerry.test');
    const pem = await readFile(server, 'utf8');
    return { ca: await readFile(ca, 'utf8'), context: createSecureContext({ cert: pem, key: pem }) };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Times that make a test short; the order of what happens does not depend on them. */
export const QUICK = { retryMsMin: 5, retryMsMax: 20, slowRetryMsMin: 10, slowRetryMsMax: 40 };

export const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

export interface Recorded {
  entity: Entity;
  statuses: Status[];
  bugs: unknown[];
  /** Resolves with the next status that matches. */
  status(word: Status['status']): Promise<Status>;
}

/** Ours, against a scripted server. */
export async function ours(server: ScriptedServer, options: Partial<ClientOptions> = {}): Promise<Recorded> {
  const { ca } = await pki();
  const bugs: unknown[] = [];
  const entity = xmppClient({
    jid: 'me@skerry.test',
    password: 'secret',
    resource: 'r',
    service: { host: '127.0.0.1', port: server.port },
    ca,
    reconnect: QUICK,
    log: silent,
    onBug: (error) => bugs.push(error),
    ...options,
  });
  return recorded(entity, bugs);
}

export function recorded(entity: Entity, bugs: unknown[] = []): Recorded {
  const statuses: Status[] = [];
  entity.onStatus((status) => void statuses.push(status));
  const status = (word: Status['status']): Promise<Status> =>
    new Promise((resolve) => {
      const away = entity.onStatus((now) => {
        if (now.status !== word) return;
        away();
        resolve(now);
      });
    });
  return { entity, statuses, bugs, status };
}

/** The client as the library ships it. It is not told of a certificate authority, so the server stays in the clear. */
export function stock(server: ScriptedServer) {
  const client = stockClient({
    service: `xmpp://127.0.0.1:${server.port}`,
    domain: 'skerry.test',
    username: 'me',
    password: 'secret',
    resource: 'r',
  });
  const errors: unknown[] = [];
  client.on('error', (error: unknown) => errors.push(error));
  client.timeout = 200; // It waits so long for the other side when it says goodbye.
  return { client, errors };
}
