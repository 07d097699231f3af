import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { SKERRY } from '#shared/called.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import { bringAbout } from '../systemd/changes.ts';
import { type Ground, groundAt } from '../systemd/ground.ts';
import { CLONE } from '../systemd/program.ts';
import { ROLE_NAMES, type Role, roleNamed, type Told } from './roles.ts';

export const INSTALL_USAGE = `${SKERRY} install ROLE …: make this Debian 12 or 13 machine a part of a site. ROLE is one of

  server                the XMPP server: ejabberd with our configuration, certificates and accounts
  central               the central agent, on the machine of the server
  host                  a hypervisor: libvirt and the agent; it joins the site by a token
  all-in-one            all three on one machine

${SKERRY} install ROLE --help says what each takes. For all:

  --check               change nothing; say what would be changed, and exit with 1 if that is anything
  --remove              take it off again; its state stays
  --purge               with --remove: its state goes too
  --root FOLDER         into a tree that shall become a machine, in place of this one

Run it as often as you like, also after an upgrade: it says what it changes, and nothing where all is so already.
`;

const COMMON = {
  root: { type: 'string', default: '/' },
  check: { type: 'boolean', default: false },
  remove: { type: 'boolean', default: false },
  purge: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** @returns exit code: with `--check` 1 where something would be changed */
export async function install(argv: readonly string[]): Promise<number> {
  const [name = '--help', ...rest] = argv;
  const role = roleNamed(name);
  if (role === undefined) {
    if (!name.startsWith('-')) throw wrong(`there is no role ${name}; there are ${ROLE_NAMES.join(', ')}`);
    console.log(INSTALL_USAGE);
    return 0;
  }
  const told = optionsOf(rest, role.flags);
  if (told.help) {
    console.log(
      `${SKERRY} install ${name}\n\n${role.usage}\n${INSTALL_USAGE.slice(INSTALL_USAGE.indexOf('  --check'))}`,
    );
    return 0;
  }
  if (told.purge && !told.remove) throw wrong('--purge goes with --remove');
  const ground = groundAt(told.root);
  needRoot(ground, told.check);
  const made = told.remove ? await remove(role, ground, told) : await bring(role, ground, told);
  return told.check && made.length > 0 ? 1 : 0;
}

type Options = Told & { root: string; check: boolean; remove: boolean; purge: boolean; help: boolean };

async function bring(role: Role, ground: Ground, told: Options): Promise<string[]> {
  await mustBeReadable(CLONE);
  return await bringAbout(await role.changes(ground, told), told.check, console.log);
}

async function remove(role: Role, ground: Ground, told: Options): Promise<string[]> {
  const changes = [...role.removal(ground), ...(told.purge ? role.purge(ground) : [])];
  const made = await bringAbout(changes, told.check, console.log);
  if (made.length > 0 && !told.check) {
    if (ground.isLive) await ground.run(['systemctl', 'daemon-reload']);
    if (!told.purge) console.log(`Left as they are: ${role.left}.`);
  }
  return made;
}

function optionsOf(argv: readonly string[], flags: ParseArgsOptionsConfig): Options {
  try {
    return parseArgs({ args: [...argv], options: { ...flags, ...COMMON }, strict: true }).values as Options;
  } catch (error) {
    throw wrong(`${messageOf(error)} (--help says more)`);
  }
}

/** What is not this machine's can be written by anybody who may. @throws Failure setup-needed */
function needRoot({ isThisMachine }: Ground, isCheck: boolean): void {
  if (isThisMachine && !isCheck && process.getuid?.() !== 0)
    throw new Failure('setup-needed', {
      problem: 'Only root can install on this machine; --root FOLDER or --check needs no root',
    });
}

/** Units run the programs of this clone as other users. @throws Failure setup-needed */
async function mustBeReadable(path: string): Promise<void> {
  if (!/^[\w./-]+$/.test(path))
    throw new Failure('setup-needed', {
      problem: `The clone is at ${path}: a unit cannot name that; use a path of letters, digits, . _ - /`,
    });
  for (let folder = path; ; folder = dirname(folder)) {
    if (((await stat(folder)).mode & 0o005) !== 0o005)
      throw new Failure('setup-needed', {
        problem: `The services cannot read ${folder}: put the clone at /opt/skerry, say`,
      });
    if (folder === '/') return;
  }
}

const wrong = (problem: string): Failure => new Failure('bad-argument', { field: 'install', problem });
