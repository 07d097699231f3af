import { rm, writeFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import { enrolHost, ensureAccount, randomPassword, rosterHosts, writeCredentials } from '#shared/ejabberd/accounts.ts';
import { ejabberdApi } from '#shared/ejabberd/api.ts';
import { Failure } from '#shared/errors.ts';
import { domainpartOf, isJid, localpartOf } from '#shared/xmpp/jid.ts';
import { answering } from '../ejabberd/answering.ts';
import { type Change, file, guarded } from '../systemd/changes.ts';
import type { Ground } from '../systemd/ground.ts';
import { OWNED } from './host.ts';
import { isThere } from './own-unit.ts';
import { API_SOCKET, CA_FILE, COMMAND_CONFIG, CREDENTIALS } from './places.ts';
import { nearAddress, type ServerWish } from './server.ts';

/**
 * An account for a person, where there is none, its password in a file of root's: it is on no terminal and in no log.
 * @throws Failure bad-argument
 */
export function personChanges(ground: Ground, jid: string, { domain }: Pick<ServerWish, 'domain'>): Change[] {
  if (!isJid(jid) || domainpartOf(jid) !== domain || localpartOf(jid) === '')
    throw new Failure('bad-argument', { field: '--admin', problem: `${jid} is no account of ${domain}` });
  mustRun(ground);
  const password = passwordFile(jid);
  const account = { user: localpartOf(jid), host: domain };
  return [
    {
      missing: async () =>
        (await hasAccount(account)) ? undefined : `make the account ${jid}; its password is in ${password}`,
      async apply() {
        const api = ejabberdApi({ socket: API_SOCKET });
        await answering(api);
        // A server that was not up yet had the account all the same: its password is not to be another one now.
        if (await hasAccount(account)) return;
        // Written first: of an account that is there already the password would never be told.
        const secret = randomPassword();
        await rm(ground.at(password), { force: true });
        await writeFile(ground.at(password), `${secret}\n`, { mode: 0o600, flag: 'wx' });
        await ensureAccount(api, { jid, password: secret });
      },
    },
  ];
}

const passwordFile = (jid: string): string => `/etc/skerry/${localpartOf(jid)}.password`;

/** While there is no server there is no account. */
const hasAccount = async (account: { user: string; host: string }): Promise<boolean> =>
  await ejabberdApi({ socket: API_SOCKET })('check_account', account).then(
    (code) => code === 0,
    () => false,
  );

/** So that the skerry command, as root on this machine, speaks to this site as its administrator. */
export const commandChanges = (ground: Ground, jid: string, wish: ServerWish): Change[] => [
  file(
    ground,
    COMMAND_CONFIG,
    stringify({
      jid,
      passwordFile: passwordFile(jid),
      service: { host: nearAddress(wish), port: 5222 },
      ...(wish.certificate === undefined ? { ca: CA_FILE } : {}),
      central: `central.${wish.domain}`,
    }),
    { mode: 0o644 },
    'keep',
  ),
];

/** The account of the host that is on the server's own machine. */
export function ownHost(ground: Ground, name: string, domain: string): { jid: string; change: Change } {
  mustRun(ground);
  const jid = `${name}@${domain}`;
  const change: Change = {
    missing: async () =>
      (await isThere(ground.at(CREDENTIALS))) ? undefined : `make the account ${jid}, and write ${CREDENTIALS}`,
    async apply() {
      const api = ejabberdApi({ socket: API_SOCKET });
      await answering(api);
      const credentials = await enrolHost(api, domain, name);
      await rosterHosts(api, domain, [name]);
      await writeCredentials(ground.at(CREDENTIALS), credentials);
      await guarded(ground, CREDENTIALS, OWNED).apply();
    },
  };
  return { jid, change };
}

function mustRun(ground: Ground): void {
  if (!ground.isLive)
    throw new Failure('bad-argument', {
      field: 'command line',
      problem: 'accounts are made on a machine that runs, by systemd, and not in a tree',
    });
}
