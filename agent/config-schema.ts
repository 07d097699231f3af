import { z } from 'zod';
import { MetricsConfig } from '#shared/metrics/endpoint.ts';
import { Address } from '#shared/model/address.ts';
import { HostName } from '#shared/model/host.ts';
import { Endpoint, ListenPort, MeshMtu } from '#shared/model/mesh.ts';
import { LinkName } from '#shared/model/network.ts';
import { ExportPort, NBD_PORT } from '#shared/model/volume.ts';
import { Policy } from '#shared/verb/policy.ts';
import { isJid } from '#shared/xmpp/jid.ts';
import { DriverConfig, nameOfDriver } from './driver-config.ts';

const Path = z.string().min(1);

const Keys = z.strictObject({
  jid: z
    .string()
    .regex(/^[^@\s/]+@[^@\s/]+$/, 'a bare JID is due, as host1@example.org')
    .meta({ description: "Bare JID of this host's account." }),
  host: HostName.optional().meta({ description: 'Name of this host; without it, the localpart of `jid`.' }),
  credentials: Path.meta({
    description: 'File with the account, as enrolment writes it: JSON with `jid` and `password`, mode 0600.',
  }),
  service: z
    .strictObject({
      host: z.string().min(1).meta({ description: 'Name or address of the XMPP server.' }),
      port: z.int().min(1).max(65_535).default(5222).meta({ description: 'Its port for clients.' }),
      directTls: z
        .boolean()
        .default(false)
        .meta({ description: 'TLS from the first byte (port 5223), in place of STARTTLS.' }),
    })
    .meta({ description: 'Where the agent dials.' }),
  ca: Path.optional().meta({
    description: "PEM file of the site's certificate authority; without it, those that Node trusts.",
  }),
  central: z
    .string()
    .refine((jid) => isJid(jid) && !/[@/]/.test(jid), 'the domain of the central agent is due, as central.example.org')
    .optional()
    .meta({
      description:
        'The central agent that this one reports to, and obeys: the domain of its component. Without it, this agent is on its own.',
    }),
  driver: DriverConfig.optional().meta({ description: 'What runs the guests.' }),
  drivers: z
    .array(DriverConfig)
    .min(1)
    .refine((all) => new Set(all.map(nameOfDriver)).size === all.length, 'two are of one name: give them `name`')
    .optional()
    .meta({
      description: 'In place of `driver`, where several run guests: each as `driver` says it, the main one first.',
    }),
  state: Path.meta({ description: 'Folder for the journal; mode 0700.' }),
  policy: Policy.refine(
    ({ grants }) => grants.every(({ room }) => room === undefined),
    'central alone reads rooms: grant roles to affiliations there',
  )
    .default({ roles: {}, grants: [] })
    .meta({ description: 'Who may do what, here.' }),
  metrics: MetricsConfig,
  log: z
    .enum(['debug', 'info', 'warn', 'error'])
    .default('info')
    .meta({ description: 'What is logged, as JSON lines on stdout.' }),
  consoleBytes: z
    .int()
    .min(4096)
    .max(67_108_864)
    .default(262_144)
    .meta({ description: 'How much of each serial console is kept.' }),
  probes: z
    .strictObject({
      commands: z
        .record(
          z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'use 1 to 64 of A-Z a-z 0-9 . _ -'),
          z
            .array(z.string().max(4096))
            .min(1)
            .max(64)
            .refine(
              ([file = '']) => file.startsWith('/'),
              'the program is named by its whole path, which begins with /',
            ),
        )
        .default({})
        .meta({
          description:
            'What a chain may have run here, by a name: a program by its whole path, and its arguments. It is good when it exits with 0. No shell reads it.',
        }),
    })
    .default({ commands: {} })
    .meta({ description: 'What chains may wait for on this host.' }),
  networks: z
    .strictObject({
      driver: z.enum(['linux', 'illumos', 'fake', 'none']).default('none').meta({
        description:
          '`linux`: bridges, VXLAN, nftables and network namespaces, as root. `illumos`: etherstubs, vnics and router zones, as root. `none`: this host realises no networks.',
      }),
      switch: z.enum(['bridge', 'openvswitch']).default('bridge').meta({
        description:
          "What networks of the driver `linux` are on this host: `bridge`, the kernel's own, or `openvswitch`, bridges of Open vSwitch.",
      }),
      underlay: LinkName.optional().meta({
        description:
          'The link whose first address the tunnels to other hosts begin at. Without it, networks of this host stay on it.',
      }),
      wireguard: z
        .strictObject({
          listen: ListenPort.default(51_820).meta({ description: 'UDP port, the one that has to be open to others.' }),
          endpoint: Endpoint.optional().meta({
            description:
              'Address or name where other hosts reach that port. Without it, as behind NAT, this host dials them.',
          }),
          mtu: MeshMtu.default(1_420).meta({
            description:
              'What fits through: the MTU of the way between the hosts less 60 bytes, or less 80 where that is IPv6.',
          }),
        })
        .optional()
        .meta({
          description:
            'Tunnels to other hosts go by WireGuard, for hosts that meet over the public net. Where it is named, `underlay` is not used.',
        }),
      dns: z.array(Address).max(8).default([]).meta({
        description:
          'Name servers that routers here ask about names that are not theirs. Without any, such questions are refused.',
      }),
    })
    .default({ driver: 'none', switch: 'bridge', dns: [] })
    .meta({ description: 'Private networks and routers on this host.' }),
  volumes: z
    .strictObject({
      folder: Path.meta({ description: 'Where they lie: files whose names end with .raw, .img or .qcow2.' }),
      addresses: z
        .array(Address)
        .min(1)
        .max(16)
        .default(['127.0.0.1'])
        .meta({ description: 'Addresses of this host that exports may listen at; the first unless another is said.' }),
      ports: z
        .strictObject({
          from: ExportPort.default(NBD_PORT).meta({ description: 'The first of them.' }),
          to: ExportPort.default(NBD_PORT + 63).meta({ description: 'The last of them.' }),
        })
        .refine(({ from, to }) => from <= to, 'from is at most to')
        .prefault({})
        .meta({ description: 'Ports that exports may listen at: each has its own.' }),
    })
    .optional()
    .meta({ description: 'Volumes that this host may export. Without it there are none.' }),
  migration: z
    .strictObject({
      address: Address.optional().meta({
        description:
          'Where this host takes guests that move to it. Without it, where its tunnels begin (`networks.underlay`, `networks.wireguard`); without those it takes none.',
      }),
      ports: z
        .strictObject({
          from: z.int().min(1024).max(65_535).default(49_152).meta({ description: 'The first of them.' }),
          to: z.int().min(1024).max(65_535).default(49_215).meta({ description: 'The last of them.' }),
        })
        .refine(({ from, to }) => from <= to, 'from is at most to')
        .prefault({})
        .meta({ description: 'Ports that it listens at, one for each guest while that is on its way.' }),
    })
    .prefault({})
    .meta({ description: 'Guests that move to this host while they run.' }),
  keepDays: z
    .int()
    .min(1)
    .max(3650)
    .default(90)
    .meta({ description: 'How long ended operations and jobs are kept; the audit trail stays.' }),
  limits: z
    .strictObject({
      underWay: z.int().min(1).default(512).meta({ description: 'Requests under way at once, in all.' }),
      underWayEach: z.int().min(1).default(128).meta({ description: 'Requests under way at once, of one account.' }),
    })
    .default({ underWay: 512, underWayEach: 128 })
    .meta({ description: 'Bounds.' }),
});

/** The agent's configuration: a YAML file. Paths in it are relative to it. */
export const AgentConfig = Keys.check(({ value, issues }) => {
  if ((value.driver === undefined) !== (value.drivers === undefined)) return;
  const message = value.driver
    ? 'give `driver` or `drivers`, not both'
    : 'is missing: give `driver`, or `drivers` for several';
  issues.push({ code: 'custom', input: value.driver, path: ['driver'], message });
});
/** As it was read: the host has a name, and its drivers are a list. */
export type AgentConfig = Omit<z.infer<typeof AgentConfig>, 'driver' | 'drivers'> & {
  host: string;
  drivers: DriverConfig[];
};
