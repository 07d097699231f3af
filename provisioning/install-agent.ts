import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Failure } from '#shared/errors.ts';
import { AGENT_UNIT, agentChanges, agentRemoval, LEFT } from './systemd/agent-changes.ts';
import { bringAbout } from './systemd/changes.ts';
import { groundAt } from './systemd/ground.ts';
import { asProgram, CLONE, needRoot, optionsOf } from './systemd/program.ts';
import { reread } from './systemd/system-changes.ts';

const USAGE = `provisioning/install-agent: put the agent of this clone onto this Debian 12 host.

  --credentials FILE    the host's account, as provisioning/enrol-host prints it
  --service HOST[:PORT] the XMPP server
  --direct-tls          TLS from the first byte (port 5223), in place of STARTTLS
  --ca FILE             the site's certificate authority, where Debian does not know it
  --admin JID           who may do everything here; may be given more than once
  --networks            let it make networks and routers, for which it runs as root, with some of root's powers
  --check               change nothing; say what would be changed, and exit with 1 if that is anything
  --uninstall           take it off again
  --root FOLDER         into a tree that shall become a machine, in place of this one

The first four are needed the first time. Then /etc/skerry/agent.yaml is yours, and is not written again. Run it as often as
you like: it says what it changes, and nothing where all is so already.
`;

const FLAGS = {
  credentials: { type: 'string' },
  service: { type: 'string' },
  'direct-tls': { type: 'boolean' },
  ca: { type: 'string' },
  admin: { type: 'string', multiple: true },
  networks: { type: 'boolean' },
} as const;

await asProgram(async () => {
  const options = optionsOf(process.argv.slice(2), FLAGS);
  if (options.help) {
    console.log(USAGE);
    return 0;
  }
  const ground = groundAt(options.root);
  needRoot(ground.isThisMachine, options.check);
  await mustBeReadable(CLONE);
  const changes = options.uninstall
    ? agentRemoval(ground)
    : await agentChanges(ground, {
        ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
        ...(options.service === undefined ? {} : { service: options.service }),
        ...(options.ca === undefined ? {} : { ca: options.ca }),
        directTls: options['direct-tls'] ?? false,
        admins: options.admin ?? [],
        networks: options.networks ?? false,
      });
  const made = await bringAbout(changes, options.check, console.log);
  if (options.check) return made.length === 0 ? 0 : 1;
  if (made.length > 0) await reread(ground, options.uninstall ? [] : [AGENT_UNIT]);
  if (options.uninstall && made.length > 0) console.log(`Left as they are: ${LEFT}.`);
  return 0;
});

/** The unit runs the programs of this clone as another user. */
async function mustBeReadable(path: string): Promise<void> {
  if (!/^[\w./-]+$/.test(path))
    throw new Failure('setup-needed', {
      problem: `The clone is at ${path}: a unit cannot name that; use a path of letters, digits, . _ - /`,
    });
  for (let folder = path; ; folder = dirname(folder)) {
    if (((await stat(folder)).mode & 0o005) !== 0o005)
      throw new Failure('setup-needed', {
        problem: `The user skerry cannot read ${folder}: put the clone at /opt/skerry, say`,
      });
    if (folder === '/') return;
  }
}
