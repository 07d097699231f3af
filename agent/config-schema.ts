import { z } from 'zod';
import { FakeDefinition } from '#agent/drivers/fake/definition.ts';
import { MetricsConfig } from '#shared/metrics/endpoint.ts';
import { Address } from '#shared/model/address.ts';
import { HostName } from '#shared/model/host.ts';
import { Endpoint, ListenPort, MeshMtu } from '#shared/model/mesh.ts';
import { LinkName } from '#shared/model/network.ts';
import { Policy } from '#shared/verb/policy.ts';
import { isJid } from '#shared/xmpp/jid.ts';

const Path = z.string().min(1);

const FakeGuestConfig = FakeDefinition.omit({ id: true }).partial().required({ name: true }).extend({
  autostart: z.boolean().optional(),
  running: z.boolean().optional(),
});

const DriverConfig = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('libvirt').meta({ description: 'Through virsh.' }),
    uri: z
      .string()
      .default('qemu:///system')
      .meta({ description: 'Connection URI: `qemu:///system`, `xen:///system`, `lxc:///system`.' }),
    consoleFolder: Path.optional().meta({
      description: 'Where console logs of guests that Skerry defines go; libvirt must be able to write there.',
    }),
  }),
  z.strictObject({
    kind: z.literal('fake').meta({ description: 'Guests that are none: for trying out, and for scale.' }),
    guests: z
      .union([z.int().min(0).max(100_000), z.array(FakeGuestConfig)])
      .default(4)
      .meta({ description: 'Guests at first: how many, or a list of them with what each is.' }),
    bootMs: z.int().min(0).default(2_000).meta({ description: 'How long a guest takes to boot.' }),
    shutdownMs: z.int().min(0).default(1_000).meta({ description: 'How long it takes to shut down.' }),
    changeMs: z
      .int()
      .min(0)
      .default(0)
      .meta({ description: 'How long the hypervisor takes for each change; it takes effect in the middle.' }),
    stateFile: Path.optional().meta({ description: 'Keeps guests over restarts, and counts what was done to them.' }),
  }),
]);

/** The agent's configuration: a YAML file. Paths in it are relative to it. */
export const AgentConfig = z.strictObject({
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
  driver: DriverConfig.meta({ description: 'What runs the guests.' }),
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
      driver: z.enum(['linux', 'fake', 'none']).default('none').meta({
        description:
          '`linux`: bridges, VXLAN, nftables and network namespaces, as root. `none`: this host realises no networks.',
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
export type AgentConfig = z.infer<typeof AgentConfig> & { host: string };
