import { ensureAccount } from '#shared/ejabberd/accounts.ts';
import { ejabberdApi } from '#shared/ejabberd/api.ts';
import { Failure } from '#shared/errors.ts';
import { answering } from './ejabberd/answering.ts';
import { bringAbout } from './systemd/changes.ts';
import { groundAt } from './systemd/ground.ts';
import { asProgram, needRoot, optionsOf } from './systemd/program.ts';
import { API_SOCKET, SERVER_LEFT, SERVER_UNITS, serverChanges, serverRemoval } from './systemd/server-changes.ts';
import { reread } from './systemd/system-changes.ts';

const USAGE = `provisioning/install-server: set Debian's ejabberd up as the XMPP server of a site.

  --domain DOMAIN       the site's XMPP domain
  --name NAME           a DNS name or address by which the server is reached; may be given more than once
  --listen ADDRESS      where clients connect, ports 5222, 5223 and 5443; all addresses unless given; may be given more than once
  --certificate FILE    certificate and key in one file, that the user ejabberd can read, in place of one of the site's own authority
  --check               change nothing; say what would be changed, and exit with 1 if that is anything
  --uninstall           back to the configuration that was before
  --root FOLDER         into a tree that shall become a machine, in place of this one
  --admin JID           make this account where it is not there, and print its password, once

Run it as often as you like: it says what it changes, and nothing where all is so already. It renews the certificate 30 days
before its end, so a timer may run it.
`;

const FLAGS = {
  domain: { type: 'string' },
  name: { type: 'string', multiple: true },
  listen: { type: 'string', multiple: true },
  certificate: { type: 'string' },
  admin: { type: 'string' },
} as const;

await asProgram(async () => {
  const options = optionsOf(process.argv.slice(2), FLAGS);
  if (options.help) {
    console.log(USAGE);
    return 0;
  }
  const ground = groundAt(options.root);
  needRoot(ground.isThisMachine, options.check);
  if (options.domain === undefined && !options.uninstall)
    throw new Failure('bad-argument', { field: 'command line', problem: '--domain DOMAIN is needed' });
  const changes = options.uninstall
    ? serverRemoval(ground)
    : await serverChanges(ground, {
        domain: options.domain ?? '',
        names: options.name ?? [],
        listen: options.listen ?? ['::'],
        ...(options.certificate === undefined ? {} : { certificate: options.certificate }),
      });
  const made = await bringAbout(changes, options.check, console.log);
  if (options.check) return made.length === 0 ? 0 : 1;
  if (made.length > 0) await reread(ground, SERVER_UNITS);
  if (options.uninstall && made.length > 0) console.log(`Left as they are: ${SERVER_LEFT}.`);
  if (options.admin !== undefined && !options.uninstall) await makeAdmin(options.admin, ground.isLive);
  return 0;
});

async function makeAdmin(jid: string, isLive: boolean): Promise<void> {
  if (!isLive)
    throw new Failure('bad-argument', {
      field: '--admin',
      problem: 'accounts are made on a machine that runs, not in a tree',
    });
  const api = ejabberdApi({ socket: API_SOCKET });
  await answering(api);
  const [user = '', host = ''] = jid.split('@');
  if ((await api('check_account', { user, host })) === 0) return;
  const { password } = await ensureAccount(api, { jid });
  console.log(`make the account ${jid} with the password ${password}`);
}
