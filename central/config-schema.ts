import { z } from 'zod';
import { MetricsConfig } from '#shared/metrics/endpoint.ts';
import { HostName } from '#shared/model/host.ts';
import { MeshSubnet } from '#shared/model/mesh.ts';
import { Policy } from '#shared/verb/policy.ts';
import { isJid } from '#shared/xmpp/jid.ts';

const Path = z.string().min(1);
const BareJid = z
  .string()
  .refine((jid) => isJid(jid) && /^[^@/]+@[^@/]+$/.test(jid), 'a bare JID is due, as ann@example.org');

const MacPlan = z.strictObject({
  prefix: z
    .string()
    .regex(/^[0-9a-f][26ae]:[0-9a-f]{2}$/, 'write two bytes, locally administered and of one machine, as 06:53')
    .default('06:53')
    .meta({ description: 'The first two bytes; another for each site whose networks meet.' }),
  templates: z
    .record(z.string().regex(/^[a-z][a-z0-9-]{0,63}$/), z.int().min(0).max(253))
    .default({})
    .meta({ description: 'Names of fourth bytes, from 0 to 253, by which a MAC says what its guest is.' }),
});

/** Central's configuration: a YAML file. Paths in it are relative to it. */
export const CentralConfig = z.strictObject({
  jid: z
    .string()
    .refine((jid) => isJid(jid) && !/[@/]/.test(jid), 'the domain of the component is due, as central.example.org')
    .meta({ description: "Domain of central's component: guests are `GUEST@` this." }),
  secret: Path.meta({
    description:
      "File with the component's secret, which the XMPP server has too: JSON with `jid` and `secret`, mode 0600.",
  }),
  service: z
    .strictObject({
      host: z.string().min(1).meta({ description: 'Name or address of the XMPP server, as seen from here.' }),
      port: z.int().min(1).max(65_535).default(5275).meta({ description: 'Its port for components.' }),
    })
    .meta({
      description: 'Where central dials. XEP-0114 speaks in the clear: loopback, or a network that nobody else is in.',
    }),
  ejabberd: z
    .strictObject({ socket: Path.meta({ description: "UNIX socket of ejabberd's API." }) })
    .optional()
    .meta({
      description: 'Needed to make accounts for hosts, and to fill rosters.',
    }),
  state: Path.meta({ description: 'Folder for what central keeps; mode 0700.' }),
  database: z
    .string()
    .optional()
    .meta({ description: '`postgres://user:password@host/database`; without it, SQLite in `state`.' }),
  hosts: z
    .array(HostName)
    .default([])
    .meta({ description: 'Hosts whose accounts were made otherwise: each reports as `NAME@` the domain of the site.' }),
  policy: Policy.default({ roles: {}, grants: [] }).meta({
    description: 'Who may do what. These grants always hold; those that are made by verbs come to them.',
  }),
  rosters: z
    .array(BareJid)
    .default([])
    .meta({ description: 'People whose contacts central keeps filled with the guests that they may see.' }),
  room: BareJid.optional().meta({ description: 'Room where events are told and commands are taken.' }),
  events: z
    .string()
    .refine(
      (jid) => isJid(jid) && !/[@/]/.test(jid),
      "the domain of the site's PubSub service is due, as pubsub.example.org",
    )
    .optional()
    .meta({
      description: 'PubSub service where programs read what happens; central makes its node there. See events.md.',
    }),
  upload: z
    .strictObject({
      service: z
        .string()
        .refine((jid) => isJid(jid) && !/[@/]/.test(jid), 'a domain is due, as upload.example.org')
        .meta({ description: "The site's upload service (XEP-0363), which lets central's component upload." }),
      ca: Path.optional().meta({
        description: 'PEM file of whoever signs its certificate; without it, those that Node trusts.',
      }),
    })
    .optional()
    .meta({ description: 'Where pictures are put that chat shows. Without it, chat gets them as text.' }),
  join: z
    .strictObject({
      service: z.string().min(1).meta({ description: 'HOST[:PORT] where new hosts meet the XMPP server.' }),
      ca: Path.optional().meta({
        description: 'PEM file of whoever signs its certificate; without it, those that Debian knows.',
      }),
    })
    .optional()
    .meta({ description: 'What `host enrol` tells new hosts to type. Without it, they try the domain of the site.' }),
  macs: MacPlan.default({ prefix: '06:53', templates: {} }).meta({
    description:
      'How MAC addresses are given: prefix, level of the network, template of the guest, a number of two bytes.',
  }),
  mesh: MeshSubnet.default('fd5e:77a1:93c4:51::/64').meta({
    description: 'Where hosts that meet by WireGuard have their addresses, each one made of its name.',
  }),
  metrics: MetricsConfig,
  log: z
    .enum(['debug', 'info', 'warn', 'error'])
    .default('info')
    .meta({ description: 'What is logged, as JSON lines on stdout.' }),
  keepDays: z
    .int()
    .min(1)
    .max(3650)
    .default(90)
    .meta({ description: 'How long ended operations are kept; the audit trail stays.' }),
  limits: z
    .strictObject({
      underWay: z.int().min(1).default(4_096).meta({ description: 'Requests under way at once, in all.' }),
      underWayEach: z.int().min(1).default(1_024).meta({ description: 'Requests under way at once, of one account.' }),
    })
    .default({ underWay: 4_096, underWayEach: 1_024 })
    .meta({ description: 'Bounds.' }),
});
export type CentralConfig = z.infer<typeof CentralConfig>;
