import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { stringify } from 'yaml';
import { z } from 'zod';
import type { Credentials } from '#shared/ejabberd/accounts.ts';
import { Failure } from '#shared/errors.ts';
import { domainpartOf } from '#shared/xmpp/jid.ts';
import { authorityAt, holdsPinned, isPin, textOf } from '../enrol/authority.ts';
import { joinSite, type Token, tokenIn } from '../enrol/join-site.ts';
import { type Service, serviceIn } from '../enrol/service.ts';
import { absent, type Change, file, folder, guarded } from '../systemd/changes.ts';
import type { Ground } from '../systemd/ground.ts';
import {
  disabled,
  enabled,
  maskedUnlessThere,
  noUser,
  packages,
  running,
  stopped,
  unmasked,
  user,
} from '../systemd/system-changes.ts';
import { isThere, unitChanges } from './own-unit.ts';
import { HOST_PACKAGES, LXC_PACKAGES, NETWORK_PACKAGES } from './packages.ts';
import { AGENT_CACHES, AGENT_CONFIG, AGENT_STATE, CA_FILE, CREDENTIALS, SERVER_WISH } from './places.ts';

const UNIT = 'skerry-agent.service';
/** What it may do besides, where it makes networks. */
export const HOST_NETWORKS_FILE = `/etc/systemd/system/${UNIT}.d/networks.conf`;
/**
 * What it may do besides, where it starts zones. By their names read after that of networks, whose list of system calls would be all that
 * is left, and before `override.conf`, which is the administrator's (systemctl edit).
 */
export const HOST_LXC_FILE = `/etc/systemd/system/${UNIT}.d/networks.zones.conf`;
const USERS = '/etc/sysusers.d/skerry.conf';
const USERS_TEXT = `u skerry - "Skerry agent" ${AGENT_STATE}\nm skerry libvirt\n`;
/** Each router starts a haproxy of its own; Debian would start one more, with the file that comes with it. */
const UNUSED_UNIT = 'haproxy.service';

/** Only the agent reads its account. */
export const OWNED = { mode: 0o600, owner: 'skerry' };

const Account = z.strictObject({ jid: z.string().regex(/^[^@\s/]+@[^@\s/]+$/), password: z.string().min(1) });

/** What the agent's configuration begins with; from then on it is the administrator's. */
export interface HostBeginning {
  /** The host's account in a file, or the token with which it gets one, or what makes it one. */
  credentials?: string | undefined;
  token?: string | undefined;
  account?: { jid: string; change: Change };
  service?: string | undefined;
  directTls?: boolean | undefined;
  /** A file, or the digest of what the server sends. */
  ca?: string | undefined;
  /** The site's authority is in its place by another role. */
  hasAuthority?: boolean;
  central?: string | undefined;
  admins: readonly string[];
  /** It is to make networks and routers; an agent that may already goes on to. */
  networks?: boolean | undefined;
  /** It is to have zones by LXC beside libvirt's guests. */
  lxc?: boolean | undefined;
  /** The link to the other hosts. */
  underlay?: string | undefined;
}

/** @throws Failure config-invalid where a file that was named cannot be used; bad-argument where one is needed */
export async function hostChanges(ground: Ground, beginning: HostBeginning): Promise<Change[]> {
  const account = beginning.credentials === undefined ? undefined : await accountIn(beginning.credentials);
  const token = beginning.token === undefined ? undefined : tokenIn(beginning.token);
  const jid = account?.jid ?? token?.jid ?? beginning.account?.jid;
  const known = await readFile(ground.at(AGENT_CONFIG), 'utf8').catch(() => undefined);
  const config = known ?? skeleton(jid, beginning, token !== undefined);
  const isForNetworks = beginning.networks || (await isThere(ground.at(HOST_NETWORKS_FILE)));
  const isForLxc = beginning.lxc || (await isThere(ground.at(HOST_LXC_FILE)));
  const unit = await unitChanges(ground, UNIT);
  return [
    // Before the package comes: nothing of it is started in between.
    ...(isForNetworks ? [maskedUnlessThere(ground, UNUSED_UNIT)] : []),
    packages(ground, [...HOST_PACKAGES, ...(isForNetworks ? NETWORK_PACKAGES : []), ...(isForLxc ? LXC_PACKAGES : [])]),
    file(ground, USERS, USERS_TEXT, { mode: 0o644 }),
    user(ground, 'skerry', ['libvirt'], USERS),
    folder(ground, '/etc/skerry', { mode: 0o755 }),
    ...(await accountChanges(ground, beginning, account, token)),
    file(ground, AGENT_CONFIG, config, { mode: 0o644 }, 'keep'),
    ...unit.changes,
    ...(isForNetworks ? await dropIn(ground, 'skerry-agent-networks.conf', HOST_NETWORKS_FILE) : []),
    ...(isForLxc ? await dropIn(ground, 'skerry-agent-lxc.conf', HOST_LXC_FILE) : []),
    enabled(ground, UNIT),
    running(ground, UNIT, [AGENT_CONFIG, CREDENTIALS, CA_FILE, ...unit.files('agent')]),
  ];
}

/** The authority first: by it the server is trusted with the token. */
async function accountChanges(
  ground: Ground,
  beginning: HostBeginning,
  account: Credentials | undefined,
  token: Token | undefined,
): Promise<Change[]> {
  const { ca } = beginning;
  const authority = ca === undefined || isPin(ca) ? undefined : await textOf(ca);
  return [
    guarded(ground, CREDENTIALS, OWNED),
    ...(authority === undefined ? [] : [file(ground, CA_FILE, authority, { mode: 0o644 })]),
    ...(ca !== undefined && isPin(ca) ? [await pinned(ground, ca, beginning, account ?? token)] : []),
    ...(account === undefined ? [] : [file(ground, CREDENTIALS, jsonOf(account), OWNED)]),
    ...(token === undefined ? [] : [joining(ground, token, beginning)]),
    ...(beginning.account === undefined ? [] : [beginning.account.change]),
  ];
}

/**
 * The authority of a digest. One that is there, of another site that the host was of, say, is not what was asked for; but with the host's
 * account it is what the administrator made it. @throws Failure bad-argument
 */
async function pinned(ground: Ground, pin: string, beginning: HostBeginning, as?: { jid: string }): Promise<Change> {
  const known = await readFile(ground.at(CA_FILE), 'utf8').catch(() => '');
  const isRight = holdsPinned(known, pin) || (known !== '' && (await isThere(ground.at(CREDENTIALS))));
  const fetched = async (): Promise<string> => {
    if (as === undefined)
      throw new Failure('bad-argument', { field: '--ca', problem: 'a digest goes with --token or --credentials' });
    return await authorityAt(pin, dialled(beginning, as), domainpartOf(as.jid));
  };
  return file(ground, CA_FILE, fetched, { mode: 0o644 }, isRight ? 'keep' : undefined);
}

/** Whoever names no server means what the domain's name leads to. */
const dialled = ({ service, directTls }: HostBeginning, { jid }: { jid: string }): Service =>
  serviceIn(service ?? domainpartOf(jid), directTls);

/** A host that has its account has joined; for another account, take the file away first. */
const joining = (ground: Ground, token: Token, beginning: HostBeginning): Change => ({
  missing: async () =>
    (await isThere(ground.at(CREDENTIALS))) ? undefined : `join as ${token.jid}, and write ${CREDENTIALS}`,
  async apply() {
    const authority = beginning.ca === undefined ? {} : { ca: await textOf(ground.at(CA_FILE)) };
    const at = { service: dialled(beginning, token), ...authority };
    await joinSite(token, at, beginning.central ?? centralOf(token.jid), ground.at(CREDENTIALS));
    await guarded(ground, CREDENTIALS, OWNED).apply();
  },
});

const centralOf = (jid: string): string => `central.${domainpartOf(jid)}`;

/** More of the unit. */
async function dropIn(ground: Ground, name: string, to: string): Promise<Change[]> {
  const text = await readFile(new URL(`../systemd/${name}`, import.meta.url), 'utf8');
  return [folder(ground, dirname(to), { mode: 0o755 }), file(ground, to, text, { mode: 0o644 })];
}

export const hostRemoval = (ground: Ground): Change[] => [
  stopped(ground, UNIT),
  disabled(ground, UNIT),
  // Where the host made no networks, whoever masked it was somebody else.
  ...(existsSync(ground.at(HOST_NETWORKS_FILE)) ? [unmasked(ground, UNUSED_UNIT)] : []),
  ...[`/etc/systemd/system/${UNIT}`, HOST_NETWORKS_FILE, HOST_LXC_FILE, USERS].map((path) => absent(ground, path)),
];

export const hostPurge = (ground: Ground): Change[] => [
  ...[AGENT_STATE, ...AGENT_CACHES, AGENT_CONFIG, CREDENTIALS, `${CREDENTIALS}.joining`].map((path) =>
    absent(ground, path),
  ),
  // Beside the server it is the server's.
  ...(existsSync(ground.at(SERVER_WISH)) ? [] : [absent(ground, CA_FILE)]),
  noUser(ground, 'skerry'),
];

const LIBVIRT = { kind: 'libvirt', uri: 'qemu:///system' };

function skeleton(jid: string | undefined, beginning: HostBeginning, isJoining: boolean): string {
  const {
    service = isJoining && jid ? domainpartOf(jid) : undefined,
    directTls,
    ca,
    admins,
    networks,
    underlay,
  } = beginning;
  const central = beginning.central ?? (isJoining && jid ? centralOf(jid) : undefined);
  if (jid === undefined || service === undefined || (admins.length === 0 && central === undefined))
    throw new Failure('bad-argument', {
      field: 'command line',
      problem: `there is no ${AGENT_CONFIG} yet, so --token TOKEN is needed, or --credentials FILE, --service HOST[:PORT] and --admin JID`,
    });
  const { directTls: isDirect, ...at } = serviceIn(service, directTls);
  const config = {
    jid,
    credentials: 'credentials.json',
    service: { ...at, ...(isDirect ? { directTls: true } : {}) },
    ...(ca === undefined && !beginning.hasAuthority ? {} : { ca: 'ca.pem' }),
    ...(central === undefined ? {} : { central }),
    ...(beginning.lxc ? { drivers: [LIBVIRT, { kind: 'lxc' }] } : { driver: LIBVIRT }),
    ...(networks ? { networks: { driver: 'linux', ...(underlay === undefined ? {} : { underlay }) } } : {}),
    state: AGENT_STATE,
    policy: { grants: admins.map((admin) => ({ jid: admin, role: 'admin' })) },
  };
  return `# The agent of this host. docs/agent-config.md describes every key. Then: systemctl restart skerry-agent\n${stringify(config)}`;
}

async function accountIn(path: string): Promise<Credentials> {
  const text = await textOf(path);
  try {
    return Account.parse(JSON.parse(text));
  } catch {
    // What is in it is not told: it may hold a password.
    throw new Failure('config-invalid', {
      file: path,
      problem: 'JSON with `jid` and `password` is due, as enrol-host writes it',
    });
  }
}

const jsonOf = (account: Credentials): string => `${JSON.stringify(account, null, 2)}\n`;
