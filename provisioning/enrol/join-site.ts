import { existsSync, readFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { z } from 'zod';
import { randomPassword, writeCredentials } from '#shared/ejabberd/accounts.ts';
import { Failure } from '#shared/errors.ts';
import { connect, type Login } from '#shared/xmpp/connect.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { bareOf, isJid, localpartOf } from '#shared/xmpp/jid.ts';
import { join } from '#shared/xmpp/join.ts';

/** What `host enrol` gave: for whom, and the secret that lets it in once. */
export interface Token {
  jid: string;
  secret: string;
}

/** @param told `-`: it is read from standard input, so that it stands in no list of processes and in no log of commands. @throws Failure bad-argument */
export function tokenIn(told: string): Token {
  const text = told === '-' ? readFileSync(0, 'utf8').trim() : told;
  const at = text.lastIndexOf(':');
  const [jid, secret] = [text.slice(0, at), text.slice(at + 1)];
  if (at < 0 || secret === '' || !isJid(jid) || localpartOf(jid) === '' || bareOf(jid) !== jid)
    throw new Failure('bad-argument', {
      field: '--token',
      problem: 'use it as host enrol gave it: NAME@DOMAIN:SECRET',
    });
  return { jid, secret };
}

type Tell = (entity: Entity) => Promise<void>;

/** So long central's answer is waited for. */
const ANSWER_MS = 30_000;

const Kept = z.object({ jid: z.string(), password: z.string() });

/**
 * Let a host join the site: its account gets a password of its own, which is kept in a file that the agent reads. Run again after it
 * was cut off, it goes on.
 *
 * @param out the file, which is there once the host has joined
 * @throws Failure token-refused; and as connecting does
 */
export async function joinSite(
  { jid, secret }: Token,
  { answerMs = ANSWER_MS, ...at }: Pick<Login, 'service' | 'ca'> & { answerMs?: number },
  central: string,
  out: string,
): Promise<void> {
  const pending = `${out}.joining`;
  const password = keptIn(pending, jid) ?? randomPassword();
  await writeCredentials(pending, { jid, password });
  await handIn({ ...at, jid, password: secret }, (entity) => join(entity, central, password, answerMs), password);
  await rename(pending, out);
}

/**
 * Where an earlier attempt came as far as the server, the host's own password is in force already. Central is then told again: until it has
 * written down that the token is used, it would take the account back when that runs out.
 */
async function handIn(login: Login, tell: Tell, password: string): Promise<void> {
  try {
    await handInAs(login, tell);
  } catch (error) {
    if (!isLoginRefused(error)) throw error;
    await handInAs({ ...login, password }, tell).catch((again) => {
      if (!isLoginRefused(again)) throw again;
      throw new Failure('token-refused', {
        host: login.jid,
        problem: 'the server does not take it: it is wrong, used, or too old',
      });
    });
  }
}

async function handInAs(login: Login, tell: Tell): Promise<void> {
  const entity = await connect(login);
  try {
    await tell(entity);
  } finally {
    await entity.stop();
  }
}

const isLoginRefused = (error: unknown): boolean => error instanceof Failure && error.code === 'login-refused';

function keptIn(file: string, jid: string): string | undefined {
  if (!existsSync(file)) return undefined;
  const parsed = Kept.safeParse(JSON.parse(readFileSync(file, 'utf8')));
  return parsed.success && parsed.data.jid === jid ? parsed.data.password : undefined;
}
