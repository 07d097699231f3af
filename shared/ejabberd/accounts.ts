import { randomBytes } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Failure } from '#shared/errors.ts';
import { HostName } from '#shared/model/host.ts';
import { bareOf, domainpartOf, isJid, localpartOf } from '#shared/xmpp/jid.ts';
import type { EjabberdApi } from './api.ts';

/** 192 random bits: nobody types it. */
export const randomPassword = (): string => randomBytes(24).toString('base64url');

export interface Credentials {
  jid: string;
  password: string;
}

/**
 * Make an account, or give the one that is there this password. Run again with the same password, it changes nothing.
 * Without a password it gives a random one, which the account did not have before.
 *
 * @throws Failure bad-argument, server-unreachable, peer-refused
 */
export async function ensureAccount(
  api: EjabberdApi,
  { jid, password = randomPassword() }: { jid: string; password?: string },
): Promise<Credentials> {
  const account = { user: localpartOf(jid), host: domainpartOf(jid) };
  if (!isJid(jid) || account.user === '')
    throw new Failure('bad-argument', {
      field: 'jid',
      problem: `${JSON.stringify(jid)} is no account: use NAME@DOMAIN`,
    });
  if ((await api('check_account', account)) !== 0) await api('register', { ...account, password });
  else if ((await api('check_password', { ...account, password })) !== 0)
    await api('change_password', { ...account, newpass: password });
  return { jid: bareOf(jid), password };
}

/** Give a host its account, with a password that nobody has seen. What the host had before is no longer valid. */
export async function enrolHost(api: EjabberdApi, domain: string, name: string): Promise<Credentials> {
  return await ensureAccount(api, { jid: `${hostName(name)}@${domain}` });
}

/** Take a host's account away, end its sessions, and take it out of everybody's contacts. Run again, it changes nothing. */
export async function dismissHost(api: EjabberdApi, domain: string, name: string): Promise<void> {
  const account = { user: hostName(name), host: domain };
  if ((await api('srg_list', { host: domain })).includes(HOSTS))
    await api('srg_user_del', { ...account, group: HOSTS, grouphost: domain });
  await api('unregister', account);
}

/** Write credentials where only the owner reads them; a file that is there is replaced in one step. */
export async function writeCredentials(file: string, credentials: Credentials): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.new`, `${JSON.stringify(credentials, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

const HOSTS = 'hosts';
const PEOPLE = 'people';

/**
 * Put the hosts into everybody's contacts, by a shared roster group of the server: they appear with their presence in any
 * client, without anybody asking for a subscription. It adds to the hosts that are there already.
 */
export async function rosterHosts(api: EjabberdApi, domain: string, hosts: readonly string[]): Promise<void> {
  // Presence goes only between groups that show each other.
  const people = { label: 'People', description: 'Everybody with an account here.', display: [HOSTS] };
  const machines = { label: 'Hosts', description: 'The machines that run guests.', display: [PEOPLE] };
  // From 24 on, a group that shows one that is not there is not made.
  const known = await api('srg_list', { host: domain });
  if (!known.includes(PEOPLE)) await api('srg_create', { group: PEOPLE, host: domain, ...people, display: [] });
  if (!known.includes(HOSTS)) await api('srg_create', { group: HOSTS, host: domain, ...machines, display: [] });
  await api('srg_create', { group: PEOPLE, host: domain, ...people });
  await api('srg_create', { group: HOSTS, host: domain, ...machines });
  await api('srg_user_add', { user: '@all@', host: domain, group: PEOPLE, grouphost: domain });
  for (const name of hosts)
    await api('srg_user_add', { user: hostName(name), host: domain, group: HOSTS, grouphost: domain });
}

function hostName(name: string): string {
  const { data, error } = HostName.safeParse(name);
  if (error) throw new Failure('bad-argument', { field: 'host', problem: error.issues[0]?.message });
  return data;
}
