import { randomBytes } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { HostName } from '#shared/model/host.ts';
import { domainpartOf, localpartOf } from '#shared/xmpp/jid.ts';
import type { EjabberdApi } from '../ejabberd/api.ts';

/** 192 random bits: nobody types it. */
export const randomPassword = (): string => randomBytes(24).toString('base64url');

export interface Credentials {
  jid: string;
  password: string;
}

/** Make an account, or give the one that is there this password. Run again, it changes nothing. */
export async function ensureAccount(api: EjabberdApi, { jid, password }: Credentials): Promise<void> {
  const account = { user: localpartOf(jid), host: domainpartOf(jid) };
  const there = await api('check_account', account);
  if (there !== 0) await api('register', { ...account, password });
  else if ((await api('check_password', { ...account, password })) !== 0)
    await api('change_password', { ...account, newpass: password });
}

/** Give a host its account, with a password that nobody has seen. What the host had before is no longer valid. */
export async function enrolHost(api: EjabberdApi, domain: string, name: string): Promise<Credentials> {
  const credentials = { jid: `${HostName.parse(name)}@${domain}`, password: randomPassword() };
  await ensureAccount(api, credentials);
  return credentials;
}

/** Write credentials where only the owner reads them; a file that is there is replaced in one step. */
export async function writeCredentials(file: string, credentials: Credentials): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.new`, `${JSON.stringify(credentials, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/**
 * Put the hosts into everybody's contacts, by a shared roster group of the server: they appear with their presence in any
 * client, without anybody asking for a subscription.
 */
export async function rosterHosts(api: EjabberdApi, domain: string, hosts: readonly string[]): Promise<void> {
  const everybody = { group: 'people', host: domain };
  const group = { group: 'hosts', host: domain };
  await api('srg_create', {
    ...everybody,
    label: 'People',
    description: 'Everybody with an account here.',
    display: ['hosts'],
  });
  await api('srg_create', { ...group, label: 'Hosts', description: 'The machines that run guests.', display: ['people'] });
  await api('srg_user_add', { user: '@all@', host: domain, group: 'people', grouphost: domain });
  for (const name of hosts) await api('srg_user_add', { user: name, host: domain, group: 'hosts', grouphost: domain });
}
