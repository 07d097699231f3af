import { dismissHost, enrolHost, rosterHosts, writeCredentials } from '#shared/ejabberd/accounts.ts';
import { ejabberdApi } from '#shared/ejabberd/api.ts';
import { Failure } from '#shared/errors.ts';
import { API_SOCKET } from '../roles/places.ts';
import { asProgram, optionsOf } from '../systemd/program.ts';

const USAGE = `provisioning/enrol-host HOST: give a host its account, on the machine of the XMPP server.

  --domain DOMAIN       the site's XMPP domain
  --out FILE            where its credentials go, mode 0600; carry them to the host, for skerry install host --credentials
  --remove              take the account away, and the host out of everybody's contacts
  --socket FILE         of ejabberd's API; ${API_SOCKET} unless given

A host that is enrolled again gets a new password, and the old one is no longer valid.
`;

const FLAGS = {
  domain: { type: 'string' },
  out: { type: 'string' },
  remove: { type: 'boolean', default: false },
  socket: { type: 'string', default: API_SOCKET },
} as const;

await asProgram(async () => {
  const [name, ...rest] = process.argv.slice(2);
  const options = optionsOf(name?.startsWith('-') ? process.argv.slice(2) : rest, FLAGS);
  if (options.help) {
    console.log(USAGE);
    return 0;
  }
  if (name === undefined || name.startsWith('-') || options.domain === undefined || !(options.out || options.remove))
    throw new Failure('bad-argument', {
      field: 'command line',
      problem: 'HOST --domain DOMAIN and --out FILE or --remove are needed (--help says more)',
    });
  const api = ejabberdApi({ socket: options.socket });
  if (options.remove) {
    await dismissHost(api, options.domain, name);
    console.log(`removed ${name}@${options.domain}`);
    return 0;
  }
  const credentials = await enrolHost(api, options.domain, name);
  await rosterHosts(api, options.domain, [name]);
  await writeCredentials(options.out ?? '', credentials);
  console.log(`enrolled ${credentials.jid}; its credentials are in ${options.out}`);
  return 0;
});
