import { z } from 'zod';
import { Address, Mac, Subnet } from '#shared/model/address.ts';
import { GuestRef } from '#shared/model/guest.ts';
import { HostName } from '#shared/model/host.ts';
import { DomainName, Lease, LinkName, NetworkKind, NetworkName } from '#shared/model/network.ts';
import { type Verb, verb } from '#shared/verb/verb.ts';

const network = NetworkName;
const newNetwork = NetworkName.meta({
  title: 'Network',
  description: 'Name of the new network.',
  choices: undefined,
});
const guest = GuestRef;

export const mtu = z.int().min(576).max(65_535).optional().meta({
  title: 'MTU',
  unit: 'bytes',
  description:
    'Unless given, 1450, which fits through tunnels over an IPv4 underlay of 1500; outside, 1500, as its link has to have.',
});
export const domain = DomainName.optional().meta({
  title: 'Domain',
  description: 'Domain of the names that its routers answer, as grid.example.org.',
});
export const level = z
  .int()
  .min(0)
  .max(255)
  .default(0)
  .meta({ title: 'Level', description: 'Third byte of the MAC addresses that are given here.' });
export const subnet = z
  .array(Subnet)
  .max(2)
  .default([])
  .meta({ title: 'Subnets', description: 'One of IPv4, as 10.99.0.0/16, or one of IPv6, a /64; or both.' });

/** A network as it is wanted, and how the hosts stand. */
export const NetworkRecord = z
  .strictObject({
    network: z.string().meta({ title: 'Network' }),
    kind: NetworkKind.meta({ title: 'Kind' }),
    subnets: z.array(z.string()).meta({ title: 'Subnets' }),
    mtu: z.int().meta({ title: 'MTU' }),
    domain: z.string().optional().meta({ title: 'Domain' }),
    link: z.string().optional().meta({ title: 'Link', description: 'Of the kind outside: what is there already.' }),
    wanted: z
      .enum(['up', 'down', 'deleted'])
      .meta({ title: 'Wanted', description: '`deleted`: it was there until now.' }),
    hosts: z.array(z.string()).meta({ title: 'Hosts', description: 'That realise it.' }),
    routers: z.array(z.string()).meta({ title: 'Routers' }),
    ports: z.int().meta({ title: 'Guests’ ports' }),
    problems: z.array(z.string()).meta({ title: 'Problems', description: 'What is not as it should be, and where.' }),
  })
  .meta({
    line: '{network} · {kind} · {subnets} · {wanted} · on {hosts} · {problems}',
    columns: ['network', 'kind', 'subnets', 'wanted', 'hosts', 'routers', 'ports', 'problems'],
  });
export type NetworkRecord = z.infer<typeof NetworkRecord>;

export const NetworkInfo = NetworkRecord.extend({
  guests: z.array(z.string()).meta({ title: 'Guests', description: 'With MAC and addresses.' }),
  level: z.int().meta({ title: 'Level' }),
  vni: z.int().optional().meta({ title: 'VNI', description: 'Number of its tunnels (VXLAN).' }),
  by: z.string().meta({ title: 'Made by' }),
  at: z.string().meta({ title: 'Made at', description: 'RFC 3339.' }),
}).meta({ line: '{network} · {kind} · {subnets} · {wanted} · on {hosts} · {problems}' });
export type NetworkInfo = z.infer<typeof NetworkInfo>;

/** A guest's interface on a network. */
export const PortRecord = z
  .strictObject({
    guest: z.string().meta({ title: 'Guest' }),
    network: z.string().meta({ title: 'Network' }),
    mac: z.string().meta({ title: 'MAC' }),
    addresses: z.array(z.string()).meta({ title: 'Addresses' }),
    host: z.string().optional().meta({ title: 'Host' }),
    holds: z.enum(['now', 'from the next start']).optional().meta({ title: 'Holds' }),
    problems: z.array(z.string()).meta({ title: 'Problems' }),
  })
  .meta({ line: '{guest} · {network} · {addresses} · {mac} · {holds} · {problems}' });
export type PortRecord = z.infer<typeof PortRecord>;

/** One thing on the way from here to there. */
export const NetworkHop = z
  .strictObject({
    hop: z.string().meta({ title: 'Hop' }),
    verdict: z.enum(['good', 'bad']).meta({ title: 'Verdict' }),
    found: z.string().meta({ title: 'Found' }),
    mend: z.string().optional().meta({ title: 'To mend it' }),
  })
  .meta({ line: '{verdict} · {hop}: {found} · {mend}' });
export type NetworkHop = z.infer<typeof NetworkHop>;

const WAIT_MS = 120_000;
/** What changes a network, and waits for hosts. */
export const change = { risk: 'change', timeoutMs: WAIT_MS } satisfies Partial<Verb>;

export const networkVerbs = {
  'network.list': verb({
    summary: 'List the networks, and how each is.',
    risk: 'read',
    args: z.strictObject({}),
    positional: [],
    result: z.array(NetworkRecord),
    failures: [],
    timeoutMs: 10_000,
    example: 'network list',
  }),
  'network.info': verb({
    summary: 'Show what a network is, how its hosts stand, and who is on it.',
    risk: 'read',
    args: z.strictObject({ network }),
    positional: ['network'],
    result: NetworkInfo,
    failures: ['network-not-found'],
    timeoutMs: 10_000,
    example: 'network info lan',
  }),
  'network.create': verb({
    ...change,
    summary: 'Make a network.',
    details:
      'A host realises it when it is named here, or has a guest or a router on it; hosts are joined by tunnels. Of the kind outside it is a bridge or link that is there, and stays as it is. What a host refuses is undone.',
    args: z.strictObject({
      network: newNetwork,
      subnet,
      kind: NetworkKind.default('isolated').meta({
        title: 'Kind',
        description:
          'isolated: no way out. nat: its routers hide it. routed: they pass it on. outside: there already, as `link`.',
      }),
      mtu,
      domain,
      level,
      host: z.array(HostName).max(1_000).default([]).meta({
        title: 'Hosts',
        description: 'That realise it in any case.',
        choices: 'host',
      }),
      link: LinkName.optional().meta({ title: 'Link', description: 'Of the kind outside: the bridge or link.' }),
    }),
    positional: ['network', 'subnet'],
    result: NetworkRecord,
    failures: ['network-exists', 'network-subnet', 'network-host', 'host-not-found', 'addresses-spent', 'host-space'],
    example: 'network create lan 10.99.0.0/16 domain=grid.example.org',
  }),
  'network.delete': verb({
    ...change,
    summary: 'Remove a network that nothing is on.',
    risk: 'destroy',
    args: z.strictObject({ network }),
    positional: ['network'],
    result: NetworkRecord,
    failures: ['network-not-found', 'network-in-use', 'host-space'],
    example: 'network delete lan',
  }),
  'network.start': verb({
    ...change,
    summary: 'Have a network again that was stopped.',
    args: z.strictObject({ network }),
    positional: ['network'],
    result: NetworkRecord,
    failures: ['network-not-found', 'host-space'],
    example: 'network start lan',
  }),
  'network.stop': verb({
    ...change,
    summary: 'Take a network away from its hosts until it is started again; what it is and who is on it is kept.',
    details: 'Guests on it are cut off from it, and so are its routers.',
    risk: 'destroy',
    args: z.strictObject({ network }),
    positional: ['network'],
    result: NetworkRecord,
    failures: ['network-not-found', 'host-space'],
    example: 'network stop lan',
  }),
  'network.attach': verb({
    ...change,
    summary: 'Give a guest an interface on a network: an address is enough.',
    details:
      'The network is found by the address; without an address the lowest free one is given. Its name there is the name of the guest. What a running guest cannot take holds from its next start, and the answer says so.',
    args: z.strictObject({
      guest,
      ip: z.array(Address).max(2).default([]).meta({
        title: 'Addresses',
        description: 'One of IPv4, or one of IPv6, or both. That of IPv6 comes to the one that the guest makes itself.',
      }),
      network: NetworkName.optional().meta({ title: 'Network', choices: 'network' }),
      mac: Mac.optional().meta({ title: 'MAC', description: 'Unless given, the next one of the plan.' }),
      template: z
        .string()
        .max(64)
        .optional()
        .meta({ title: 'Template', description: 'Fourth byte of the MAC: 0 to 253, or a name of the plan.' }),
    }),
    positional: ['guest', 'ip'],
    guestArg: 'guest',
    result: PortRecord,
    failures: [
      'guest-not-found',
      'network-not-found',
      'network-stopped',
      'address-outside',
      'address-taken',
      'addresses-spent',
      'network-host',
      'guest-definition',
      'host-command',
      'host-timeout',
      'host-space',
    ],
    example: 'network attach web1 10.99.0.12',
  }),
  'network.detach': verb({
    ...change,
    summary: 'Take the interface of a guest on a network away.',
    args: z.strictObject({ guest, network }),
    positional: ['guest', 'network'],
    guestArg: 'guest',
    result: PortRecord,
    failures: ['network-not-found', 'port-not-found', 'host-command', 'host-timeout', 'host-space'],
    example: 'network detach web1 lan',
  }),
  'network.leases': verb({
    summary: 'List the addresses that routers have given out.',
    risk: 'read',
    args: z.strictObject({ network: NetworkName.optional().meta({ title: 'Network', choices: 'network' }) }),
    positional: ['network'],
    result: z.array(Lease),
    failures: ['network-not-found', 'host-command', 'host-timeout'],
    timeoutMs: 30_000,
    example: 'network leases lan',
  }),
  'network.check': verb({
    summary: 'Find out how far packets come from a guest or a host to another, and what is wrong where they stop.',
    details:
      'The hops are looked at in order, up to the first that is wrong. Without a port it is tried whether the other end answers at all.',
    risk: 'read',
    args: z.strictObject({
      from: z.string().min(1).max(255).meta({ title: 'From', description: 'A guest or a host.' }),
      to: z.string().min(1).max(255).meta({ title: 'To', description: 'A guest, an address or a host name.' }),
      port: z.int().min(1).max(65_535).optional().meta({ title: 'Port', description: 'Of TCP.' }),
    }),
    positional: ['from', 'to', 'port'],
    result: z.array(NetworkHop),
    failures: ['guest-not-found'],
    timeoutMs: 120_000,
    example: 'network check web1 db1 5432',
  }),
  'network.graph': verb({
    summary: 'Draw the networks, their routers, guests and hosts.',
    risk: 'read',
    args: z.strictObject({
      network: NetworkName.optional().meta({
        title: 'Network',
        description: 'Only it, and what is on it.',
        choices: 'network',
      }),
      picture: z.enum(['svg', 'dot']).default('svg').meta({ title: 'Picture' }),
    }),
    positional: ['network'],
    result: z
      .strictObject({ text: z.string().meta({ title: 'Text', multiline: true, picture: true }) })
      .meta({ line: '{text}' }),
    failures: ['network-not-found', 'network-too-large'],
    timeoutMs: 30_000,
    example: 'network graph lan picture=dot',
  }),
};
