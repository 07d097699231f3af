import { authorityAt } from '#provisioning/enrol/authority.ts';
import { joinSite, tokenIn } from '#provisioning/enrol/join-site.ts';
import { serviceIn } from '#provisioning/enrol/service.ts';
import { SKERRY } from '#shared/called.ts';
import { Failure } from '#shared/errors.ts';
import { domainpartOf } from '#shared/xmpp/jid.ts';
import { optionsOf } from './rig-options.ts';

export const JOIN_USAGE = `${SKERRY} agent-join --token TOKEN|- --service HOST[:PORT] --out FILE [--central JID] [--ca FILE|sha256:…] [--direct-tls]`;

const FLAGS = {
  token: { type: 'string' },
  service: { type: 'string' },
  central: { type: 'string' },
  ca: { type: 'string' },
  out: { type: 'string' },
  'direct-tls': { type: 'boolean' },
} as const;

/** Let this host join the site with the token that `host enrol` gave, and write its account into a file. @returns exit code */
export async function agentJoin(argv: string[]): Promise<number> {
  const options = optionsOf(argv, FLAGS, JOIN_USAGE);
  const { token: text = due('--token'), service = due('--service'), out = due('--out') } = options;
  const token = tokenIn(text);
  const dialled = serviceIn(service, options['direct-tls']);
  const at = {
    service: dialled,
    ...(options.ca === undefined ? {} : { ca: await authorityAt(options.ca, dialled, domainpartOf(token.jid)) }),
  };
  await joinSite(token, at, options.central ?? `central.${domainpartOf(token.jid)}`, out);
  console.log(`${token.jid} has joined; its account is in ${out}.`);
  return 0;
}

function due(field: string): never {
  throw new Failure('bad-argument', { field, problem: `it is missing: ${JOIN_USAGE}` });
}
