import { inspect } from 'node:util';
import { Failure } from '#shared/errors.ts';
import { xmppClient } from './connection/client.ts';
import type { Entity } from './entity.ts';

/** Who logs in, and where. */
export interface Login {
  jid: string;
  password: string;
  service: { host: string; port: number; directTls?: boolean };
  /** PEM of the site's certificate authority; without it, those that Node trusts. */
  ca?: string;
}

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** Log in, once: who cannot is told why. @throws Failure as Entity.start() does; server-unreachable where it does not answer at once */
export async function connect(site: Login): Promise<Entity> {
  const entity = xmppClient({
    jid: site.jid,
    password: site.password,
    service: site.service,
    log: SILENT,
    onBug: (error) => void process.stderr.write(`${inspect(error)}\n`),
    ...(site.ca ? { ca: site.ca } : {}),
  });
  const failed = Promise.withResolvers<never>();
  const off = entity.onStatus((status) => {
    if (status.status === 'offline')
      failed.reject(new Failure('not-connected', {}, { cause: new Error(status.problem) }));
  });
  try {
    await Promise.race([entity.start(), failed.promise]);
    return entity;
  } catch (error) {
    await entity.stop();
    const cause = error instanceof Failure && error.cause instanceof Error ? error.cause : undefined;
    throw error instanceof Failure && error.code === 'not-connected' && cause
      ? new Failure('server-unreachable', {
          service: `${site.service.host}:${site.service.port}`,
          // The problem of a status is a whole sentence.
          problem: cause.message.replace(/^The XMPP server at \S+ cannot be reached: /, ''),
        })
      : error;
  } finally {
    off();
  }
}
