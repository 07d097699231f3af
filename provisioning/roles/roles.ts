import { isIPv6 } from 'node:net';
import { hostname } from 'node:os';
import type { ParseArgsOptionsConfig } from 'node:util';
import type { Change } from '../systemd/changes.ts';
import type { Ground } from '../systemd/ground.ts';
import { centralChanges, centralPurge, centralRemoval } from './central.ts';
import { type HostBeginning, hostChanges, hostPurge, hostRemoval } from './host.ts';
import { commandChanges, ownHost, personChanges } from './people.ts';
import { nearAddress, type ServerWish, serverChanges, serverPurge, serverRemoval, serverWish } from './server.ts';

/** What a role may be told, all roles' options in one. */
export interface Told {
  domain?: string;
  name?: string[];
  listen?: string[];
  certificate?: string;
  admin?: string[];
  token?: string;
  credentials?: string;
  service?: string;
  'direct-tls'?: boolean;
  ca?: string;
  central?: string;
  networks?: boolean;
  underlay?: string;
  lxc?: boolean;
  'host-name'?: string;
}

/** What a machine can be. */
export interface Role {
  usage: string;
  flags: ParseArgsOptionsConfig;
  /** @throws Failure bad-argument, config-invalid */
  changes(ground: Ground, told: Told): Promise<Change[]>;
  removal(ground: Ground): Change[];
  /** What stays of it besides. */
  purge(ground: Ground): Change[];
  /** What stays when it is taken off. */
  left: string;
}

const many = { type: 'string', multiple: true } as const;
const text = { type: 'string' } as const;
const yes = { type: 'boolean' } as const;

const SERVER_USAGE = `  --domain DOMAIN       the site's XMPP domain; needed the first time
  --name NAME           a DNS name or address by which the server is reached; may be given more than once
  --listen ADDRESS      where clients connect, ports 5222, 5223 and 5443; all addresses unless given; may be given more than once
  --certificate FILE    certificate and key in one file, that the user ejabberd can read, in place of one of the site's own authority
  --admin JID           an administrator: the account is made where it is not there, its password goes to /etc/skerry
`;
const HOST_USAGE = `  --token TOKEN         lets this host join, once; host enrol gives it, in the line that is typed here;
                        - reads it from standard input, where others see what runs on this machine
  --service HOST[:PORT] the XMPP server; the domain of the token unless given
  --ca FILE or sha256:… the site's certificate authority, or its digest, where Debian does not know it
  --direct-tls          TLS from the first byte (port 5223), in place of STARTTLS
  --networks            let the agent make networks and routers, for which it runs as root, with some of root's powers
  --underlay LINK       the link to the other hosts, for networks over many hosts
  --lxc                 zones by LXC beside libvirt's guests, for which the agent runs as root, with nothing that confines it
  --admin JID           who may do everything on this host even where central is not there; may be given more than once
  --credentials FILE    without central: the host's account, as provisioning/enrol-host writes it, in place of a token
  --central JID         the central agent; central. and the domain of the token unless given
`;
const SERVER_FLAGS = { domain: text, name: many, listen: many, certificate: text, admin: many };
const NETWORK_FLAGS = { networks: yes, underlay: text, lxc: yes };
const HOST_FLAGS = {
  token: text,
  credentials: text,
  service: text,
  'direct-tls': yes,
  ca: text,
  central: text,
  admin: many,
};

const server = async (ground: Ground, told: Told) => {
  const wish = await serverWish(ground, wishOf(told));
  return { wish, changes: [...(await serverChanges(ground, wish)), ...people(ground, told, wish)] };
};

const central = async (ground: Ground, told: Told, wish: ServerWish, hosts: readonly string[] = []) => [
  ...people(ground, told, wish),
  ...(await centralChanges(ground, { wish, admins: told.admin ?? [], hosts })),
  ...(told.admin ?? []).slice(0, 1).flatMap((jid) => commandChanges(ground, jid, wish)),
];

const people = (ground: Ground, { admin = [] }: Told, wish: ServerWish): Change[] =>
  admin.flatMap((jid) => personChanges(ground, jid, wish));

const wishOf = ({ domain, name, listen, certificate }: Told): Partial<ServerWish> => ({
  ...(domain === undefined ? {} : { domain }),
  ...(name === undefined ? {} : { names: name }),
  ...(listen === undefined ? {} : { listen }),
  ...(certificate === undefined ? {} : { certificate }),
});

const beginningOf = (told: Told): HostBeginning => ({
  credentials: told.credentials,
  token: told.token,
  service: told.service,
  directTls: told['direct-tls'],
  ca: told.ca,
  central: told.central,
  admins: told.admin ?? [],
  networks: told.networks,
  underlay: told.underlay,
  lxc: told.lxc,
});

const bracketed = (ip: string): string => (isIPv6(ip) ? `[${ip}]` : ip);

/** Server, central and a host on one machine: its agent dials the server beside it. */
async function allInOne(ground: Ground, told: Told): Promise<Change[]> {
  const { wish, changes } = await server(ground, told);
  const name = told['host-name'] ?? (hostname().split('.')[0] ?? '').toLowerCase();
  const host = await hostChanges(ground, {
    ...beginningOf(told),
    account: ownHost(ground, name, wish.domain),
    service: bracketed(nearAddress(wish)),
    central: `central.${wish.domain}`,
    hasAuthority: wish.certificate === undefined,
  });
  return [...changes, ...(await central(ground, told, wish, [name])), ...host];
}

const ROLES = {
  server: {
    usage: SERVER_USAGE,
    flags: SERVER_FLAGS,
    changes: async (ground, told) => (await server(ground, told)).changes,
    removal: serverRemoval,
    purge: serverPurge,
    left: '/etc/skerry/pki, /etc/skerry/server.yaml, /var/lib/ejabberd and the package ejabberd',
  },
  central: {
    usage: `  --admin JID           who may do everything; needed the first time; may be given more than once. The account is made where
                        it is not there, its password goes to /etc/skerry

The machine is the one of the role server.
`,
    flags: { admin: many },
    changes: async (ground, told) => await central(ground, told, await serverWish(ground, {})),
    removal: centralRemoval,
    purge: centralPurge,
    left: '/etc/skerry/central.yaml, /var/lib/skerry-central and the user skerry-central',
  },
  host: {
    usage: HOST_USAGE,
    flags: { ...HOST_FLAGS, ...NETWORK_FLAGS },
    changes: async (ground, told) => await hostChanges(ground, beginningOf(told)),
    removal: hostRemoval,
    purge: hostPurge,
    left: '/etc/skerry/agent.yaml, its account, /var/lib/skerry and the user skerry',
  },
  'all-in-one': {
    usage: `${SERVER_USAGE}  --host-name NAME      what this machine is called as a host; its host name unless given
  --networks            let the agent make networks and routers
  --underlay LINK       the link to the other hosts
  --lxc                 zones by LXC beside libvirt's guests
`,
    flags: { ...SERVER_FLAGS, ...NETWORK_FLAGS, 'host-name': text },
    changes: allInOne,
    removal: (ground) => [...hostRemoval(ground), ...centralRemoval(ground), ...serverRemoval(ground)],
    purge: (ground) => [...hostPurge(ground), ...centralPurge(ground), ...serverPurge(ground)],
    left: '/etc/skerry, /var/lib/skerry, /var/lib/skerry-central, /var/lib/ejabberd, their users and the package ejabberd',
  },
} as const satisfies Record<string, Role>;

export type RoleName = keyof typeof ROLES;
export const ROLE_NAMES = Object.keys(ROLES) as RoleName[];
export const roleNamed = (name: string): Role | undefined =>
  Object.hasOwn(ROLES, name) ? ROLES[name as RoleName] : undefined;
