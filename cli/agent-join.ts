import { existsSync, readFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { z } from 'zod';
import { randomPassword, writeCredentials } from '#shared/ejabberd/accounts.ts';
import { Failure } from '#shared/errors.ts';
import { domainpartOf } from '#shared/xmpp/jid.ts';
import { join } from '#shared/xmpp/join.ts';
import { connect } from './connect.ts';
import { optionsOf } from './rig-options.ts';
import type { Site } from './site.ts';

export const JOIN_USAGE =
  './skerry agent-join --token TOKEN --service HOST[:PORT] --out FILE [--central JID] [--ca FILE] [--direct-tls]';

const FLAGS = {
  token: { type: 'string' },
  service: { type: 'string' },
  central: { type: 'string' },
  ca: { type: 'string' },
  out: { type: 'string' },
  'direct-tls': { type: 'boolean' },
} as const;

const Kept = z.object({ jid: z.string(), password: z.string() });

/**
 * Let this host join the site with the token that `host enrol` gave: its account gets a password of its own, which is kept in a file
 * that the agent reads. Run again after it was cut off, it goes on. @returns exit code
 */
export async function agentJoin(argv: string[]): Promise<number> {
  const options = optionsOf(argv, FLAGS, JOIN_USAGE);
  const { token = due('--token'), service = due('--service'), out = due('--out') } = options;
  const at = token.lastIndexOf(':');
  const [jid, secret] = [token.slice(0, at), token.slice(at + 1)];
  if (at < 0 || !/^[^@\s]+@[^@\s]+$/.test(jid))
    throw new Failure('bad-argument', {
      field: '--token',
      problem: 'use it as host enrol gave it: NAME@DOMAIN:SECRET',
    });
  const central = options.central ?? `central.${domainpartOf(jid)}`;
  const site: Omit<Site, 'password'> = {
    jid,
    service: serviceOf(service, options['direct-tls'] ?? false),
    hosts: [],
    ...(options.ca === undefined ? {} : { ca: readFileSync(options.ca, 'utf8') }),
  };
  const pending = `${out}.joining`;
  const password = keptIn(pending, jid) ?? randomPassword();
  await writeCredentials(pending, { jid, password });
  await handIn(site, central, secret, password);
  await rename(pending, out);
  console.log(`${jid} has joined; its account is in ${out}.`);
  return 0;
}

/** Where an earlier attempt came through and its answer was lost, the password is in force already. */
async function handIn(site: Omit<Site, 'password'>, central: string, secret: string, password: string): Promise<void> {
  try {
    const entity = await connect({ ...site, password: secret });
    try {
      await join(entity, central, password);
    } finally {
      await entity.stop();
    }
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'login-refused') throw error;
    const entity = await connect({ ...site, password }).catch(() => {
      throw new Failure('token-refused', {
        host: site.jid,
        problem: 'the server does not take it: it is wrong, used, or too old',
      });
    });
    await entity.stop();
  }
}

function keptIn(file: string, jid: string): string | undefined {
  if (!existsSync(file)) return undefined;
  const parsed = Kept.safeParse(JSON.parse(readFileSync(file, 'utf8')));
  return parsed.success && parsed.data.jid === jid ? parsed.data.password : undefined;
}

function serviceOf(text: string, directTls: boolean): Site['service'] {
  const [, host = '', port] = /^(.+?)(?::(\d{1,5}))?$/.exec(text) ?? [];
  return { host, port: port === undefined ? (directTls ? 5223 : 5222) : Number(port), directTls };
}

function due(field: string): never {
  throw new Failure('bad-argument', { field, problem: `it is missing: ${JOIN_USAGE}` });
}
