import { access, readFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import { z } from 'zod';
import type { Credentials } from '#shared/ejabberd/accounts.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import { absent, type Change, file, folder } from './changes.ts';
import type { Ground } from './ground.ts';
import { CLONE } from './program.ts';
import { disabled, enabled, maskedUnlessThere, packages, running, stopped, user } from './system-changes.ts';

export const AGENT_UNIT = 'skerry-agent.service';
const UNIT_FILE = `/etc/systemd/system/${AGENT_UNIT}`;
/** What it may do besides, where it makes networks. */
const NETWORKS_FILE = `${UNIT_FILE}.d/networks.conf`;
const USER_FILE = '/etc/sysusers.d/skerry.conf';
const USER_TEXT = 'u skerry - "Skerry agent" /var/lib/skerry\nm skerry libvirt\n';
const CONFIG = '/etc/skerry/agent.yaml';
const PACKAGES = [
  ...['libvirt-daemon-system', 'libvirt-clients', 'qemu-utils'],
  process.arch === 'arm64' ? 'qemu-system-arm' : 'qemu-system-x86',
];
const NETWORK_PACKAGES = ['iproute2', 'nftables', 'dnsmasq-base', 'haproxy', 'udhcpc', 'iputils-ping', 'procps'];
/** Each router starts a haproxy of its own; Debian would start one more, with the file that comes with it. */
const UNUSED_UNIT = 'haproxy.service';
/** What stays when the agent is taken off: it is the administrator's. */
export const LEFT = '/etc/skerry, /var/lib/skerry and the user skerry';

const Account = z.strictObject({ jid: z.string().regex(/^[^@\s/]+@[^@\s/]+$/), password: z.string().min(1) });

/** What the agent's configuration begins with; from then on it is the administrator's. */
export interface Beginning {
  credentials?: string;
  service?: string;
  directTls?: boolean;
  ca?: string;
  admins: readonly string[];
  /** It is to make networks and routers; an agent that may already goes on to. */
  networks?: boolean;
}

/** @throws Failure config-invalid where a file that was named cannot be used; bad-argument where one is needed */
export async function agentChanges(ground: Ground, beginning: Beginning): Promise<Change[]> {
  const account = beginning.credentials === undefined ? undefined : await accountIn(beginning.credentials);
  const ca = beginning.ca === undefined ? undefined : await textOf(beginning.ca);
  const known = await readFile(ground.at(CONFIG), 'utf8').catch(() => undefined);
  const config = known ?? skeleton(account, beginning, ca !== undefined);
  const unit = await readFile(new URL('skerry-agent.service', import.meta.url), 'utf8');
  const isForNetworks = beginning.networks || (await isThere(ground.at(NETWORKS_FILE)));
  return [
    // Before the package comes: nothing of it is started in between.
    ...(isForNetworks ? [maskedUnlessThere(ground, UNUSED_UNIT)] : []),
    packages(ground, isForNetworks ? [...PACKAGES, ...NETWORK_PACKAGES] : PACKAGES),
    file(ground, USER_FILE, USER_TEXT, { mode: 0o644 }),
    user(ground, 'skerry', ['libvirt']),
    folder(ground, '/etc/skerry', { mode: 0o755 }),
    ...(ca === undefined ? [] : [file(ground, '/etc/skerry/ca.pem', ca, { mode: 0o644 })]),
    ...(account === undefined
      ? []
      : [file(ground, '/etc/skerry/credentials.json', jsonOf(account), { mode: 0o600, owner: 'skerry' })]),
    file(ground, CONFIG, config, { mode: 0o644 }, 'keep'),
    file(ground, UNIT_FILE, unit.replaceAll('@CLONE@', CLONE), { mode: 0o644 }),
    ...(isForNetworks ? await networkChanges(ground) : []),
    enabled(ground, AGENT_UNIT),
    running(ground, AGENT_UNIT),
  ];
}

async function networkChanges(ground: Ground): Promise<Change[]> {
  const more = await readFile(new URL('skerry-agent-networks.conf', import.meta.url), 'utf8');
  return [folder(ground, `${UNIT_FILE}.d`, { mode: 0o755 }), file(ground, NETWORKS_FILE, more, { mode: 0o644 })];
}

const isThere = async (path: string): Promise<boolean> =>
  await access(path).then(
    () => true,
    () => false,
  );

export const agentRemoval = (ground: Ground): Change[] => [
  stopped(ground, AGENT_UNIT),
  disabled(ground, AGENT_UNIT),
  absent(ground, UNIT_FILE),
  absent(ground, NETWORKS_FILE),
  absent(ground, USER_FILE),
];

function skeleton(account: Credentials | undefined, { service, directTls, admins }: Beginning, hasCa: boolean): string {
  if (account === undefined || service === undefined || admins.length === 0)
    throw new Failure('bad-argument', {
      field: 'command line',
      problem: `there is no ${CONFIG} yet, so --credentials FILE, --service HOST[:PORT] and --admin JID are needed`,
    });
  const { host, port } = serviceIn(service, directTls ? 5223 : 5222);
  const config = {
    jid: account.jid,
    credentials: 'credentials.json',
    service: { host, port, ...(directTls ? { directTls } : {}) },
    ...(hasCa ? { ca: 'ca.pem' } : {}),
    driver: { kind: 'libvirt', uri: 'qemu:///system' },
    state: '/var/lib/skerry',
    policy: { grants: admins.map((jid) => ({ jid, role: 'admin' })) },
  };
  return `# The agent of this host. docs/agent-config.md describes every key. Then: systemctl restart skerry-agent\n${stringify(config)}`;
}

function serviceIn(text: string, standardPort: number): { host: string; port: number } {
  const found = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s/]+))(?::(\d{1,5}))?$/.exec(text);
  const port = Number(found?.[3] ?? standardPort);
  if (!found || port < 1 || port > 65_535)
    throw new Failure('bad-argument', { field: '--service', problem: `${text} is not like xmpp.example.org:5222` });
  return { host: found[1] ?? found[2] ?? '', port };
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

const textOf = (path: string): Promise<string> =>
  readFile(path, 'utf8').catch((error) => {
    throw new Failure('config-invalid', { file: path, problem: messageOf(error) });
  });

const jsonOf = (account: Credentials): string => `${JSON.stringify(account, null, 2)}\n`;
