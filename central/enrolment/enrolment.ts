/**
 * Responsibilities: let new hosts in, once each, by a token that an administrator asked for.
 *
 * Theory of operation: a token is the password of the host's own account, made at random; central keeps its digest and until when it holds.
 * The agent logs in with it and hands in a password that it chose: central gives the account that password, and the token is used up. So
 * there is no other door than the server's own, which counts and slows guesses (mod_fail2ban).
 *
 * What can go wrong: central ends, or the answer to a join is lost, at any point of it. The host has kept the password that it chose, and
 * has not joined before it is told so: it goes on with its token, or, where the server has its password already, with that, and hands the
 * same in again (provisioning/enrol/join-site.ts). So a token that was not used in time is of no host that runs, and is taken back: the
 * account then has a password that nobody knows. What is done to one host waits for each other, so that no token is taken back
 * from a host that joins in that moment.
 */
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Database } from '#central/database/open.ts';
import type { Writer, Writes } from '#central/database/writer.ts';
import type { Site } from '#central/inventory/site.ts';
import { SKERRY } from '#shared/called.ts';
import { dismissHost, ensureAccount, randomPassword, rosterHosts } from '#shared/ejabberd/accounts.ts';
import type { EjabberdApi } from '#shared/ejabberd/api.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import type { Outcome } from '#shared/model/job.ts';
import { turns } from '#shared/turns.ts';

export interface EnrolmentDeps {
  database: Database;
  writer: Writer;
  site: Site;
  /** Undefined: central was given no way to it. */
  api: EjabberdApi | undefined;
  domain: string;
  /** What new hosts are told of the server, where it is not what the domain's name leads to. */
  join: { service: string; ca?: string | undefined } | undefined;
  now(): number;
  /** Who was refused. */
  audit(host: string, jid: string, outcome: Outcome): void;
  /** What became of a token, written together with it. */
  audited(host: string, jid: string, outcome: Outcome): Writes;
}

export interface Enrolled {
  host: string;
  jid: string;
  token: string;
  command: string;
  expiresAt: string;
}

interface Forgotten {
  host: string;
  guests: number;
}

export type Enrolment = ReturnType<typeof enrolment>;

const HOUR_MS = 3_600_000;

export function enrolment({ database, writer, site, api, domain, join, now, audit, audited }: EnrolmentDeps) {
  const inTurn = turns();
  const required = (): EjabberdApi => {
    if (api) return api;
    const problem = 'central has no way to make accounts: give it `ejabberd: { socket: … }` in its configuration';
    throw new Failure('setup-needed', { problem });
  };
  const remove = (host: string, also: Writes = async () => {}): Promise<void> =>
    writer.write(async (transaction) => {
      await transaction.deleteFrom('tokens').where('host', '=', host).execute();
      await also(transaction);
    });
  const tokenOf = (host: string) =>
    database.selectFrom('tokens').selectAll().where('host', '=', host).executeTakeFirst();
  const use = (host: string, jid: string): Promise<void> =>
    writer.write(async (transaction) => {
      const used = { used_at: new Date(now()).toISOString() };
      await transaction.updateTable('tokens').set(used).where('host', '=', host).execute();
      await audited(host, jid, 'done')(transaction);
    });
  /** Whether it joined with this password before, and does not know. */
  const isIn = async (host: string, password: string): Promise<boolean> =>
    (await required()('check_password', { user: host, host: domain, password })) === 0;

  return {
    /** @throws Failure host-exists, setup-needed, server-unreachable, peer-refused, host-space */
    enrol: (host: string, hours: number, again: boolean, by: string): Promise<Enrolled> =>
      inTurn(host, async () => {
        const door = required();
        const isThere = site.findHost(host) !== undefined;
        if (isThere && !again) throw new Failure('host-exists', { host });
        const jid = `${host}@${domain}`;
        const token = randomPassword();
        const expiresAt = new Date(now() + hours * HOUR_MS).toISOString();
        const row = { hash: digestOf(token), by, expires_at: expiresAt, used_at: null };
        // May fail, so before anything is written: a token that nobody was given would in time take the account back from a host that runs.
        const command = joinCommand(`${jid}:${token}`, join);
        // Before it is written that the token is open: where the server is away, the account is as it was, and what was written would in
        // time take it back. Nobody is told a token that is not written down.
        await ensureAccount(door, { jid, password: token });
        await writer.write(async (transaction) => {
          await transaction
            .insertInto('tokens')
            .values({ host, ...row })
            .onConflict((conflict) => conflict.column('host').doUpdateSet(row))
            .execute();
        });
        if (isThere) await door('kick_user', { user: host, host: domain });
        await rosterHosts(door, domain, [host]);
        if (!isThere) await site.enrol(host, jid);
        return { host, jid, token: `${jid}:${token}`, command, expiresAt };
      }),
    /** A host that is logged in with its token, or with its own password already, hands that in. @throws Failure token-refused, … */
    join: (jid: string, password: string): Promise<void> => {
      const host = site.hostByJid(jid)?.name ?? '';
      return inTurn(host, async () => {
        const token = await tokenOf(host);
        const refusal = token === undefined ? 'no token is open for it' : refusalOf(token, now());
        if (refusal !== undefined && !(token && (await isIn(host, password)))) {
          audit(host || jid, jid, 'token-refused');
          throw new Failure('token-refused', { host: host || jid, problem: refusal });
        }
        if (refusal === undefined) await ensureAccount(required(), { jid, password });
        if (token?.used_at === null) await use(host, jid);
      });
    },
    /**
     * @param also what is written with the last of it, by what is answered
     * @throws Failure host-not-found, setup-needed, server-unreachable, peer-refused, host-space
     */
    forget: (host: string, also: (answer: Forgotten) => Writes): Promise<Forgotten> =>
      inTurn(host, async () => {
        const { known } = site.host(host);
        await dismissHost(required(), domain, host);
        await remove(host);
        const answer = { host, guests: known.guests.size };
        await site.forget(host, also(answer));
        return answer;
      }),
    /** Take back what was not used in time. */
    sweep: async (): Promise<void> => {
      const late = await database
        .selectFrom('tokens')
        .select('host')
        .where('used_at', 'is', null)
        .where('expires_at', '<', new Date(now()).toISOString())
        .execute();
      for (const { host } of late) {
        await inTurn(host, async () => {
          // Meanwhile it may have joined, or have got another.
          const token = await tokenOf(host);
          if (token === undefined || token.used_at !== null || refusalOf(token, now()) === undefined) return;
          const jid = `${host}@${domain}`;
          await ensureAccount(required(), { jid });
          await remove(host, audited(host, jid, 'token-refused'));
        });
      }
    },
  };
}

/**
 * The line that is typed on the new host. The token goes by standard input: `echo` is of the shell itself, any shell, so that the token stands
 * in no list of processes. The authority goes by its digest: the host gets the certificate itself from the server, and sees by the
 * digest that it is the right one.
 */
function joinCommand(token: string, join: EnrolmentDeps['join']): string {
  const service = join === undefined ? '' : ` --service ${join.service}`;
  const ca = join?.ca === undefined ? '' : ` --ca ${pinOf(join.ca)}`;
  return `echo ${token} | ${SKERRY} install host --token -${service}${ca}`;
}

/** @throws Failure setup-needed */
function pinOf(file: string): string {
  try {
    const { fingerprint256 } = new X509Certificate(readFileSync(file));
    return `sha256:${fingerprint256.replaceAll(':', '').toLowerCase()}`;
  } catch (error) {
    throw new Failure('setup-needed', { problem: `join.ca of central's configuration: ${messageOf(error)}` });
  }
}

const digestOf = (token: string): string => createHash('sha256').update(token).digest('hex');

function refusalOf(token: { used_at: string | null; expires_at: string }, now: number): string | undefined {
  if (token.used_at !== null) return `its token was used at ${token.used_at}`;
  return Date.parse(token.expires_at) < now ? `its token held until ${token.expires_at}` : undefined;
}
