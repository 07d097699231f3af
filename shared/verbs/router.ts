import { z } from 'zod';
import { Address } from '#shared/model/address.ts';
import { HostName } from '#shared/model/host.ts';
import { DomainName, Ingress, NetworkName, RouterName } from '#shared/model/network.ts';
import { verb } from '#shared/verb/verb.ts';
import { change, domain, level, mtu, subnet } from './network.ts';

const router = RouterName;
const newRouter = RouterName.meta({
  title: 'Router',
  description: 'Name of the new router; of its network too, where a subnet is given.',
  choices: undefined,
});
const port = z.int().min(1).max(65_535);
const protocol = z.enum(['tcp', 'udp']).default('tcp').meta({ title: 'Protocol' });
const at = z.string().min(1).max(300);

export const RouterRecord = z
  .strictObject({
    router: z.string().meta({ title: 'Router' }),
    host: z.string().meta({ title: 'Host' }),
    wanted: z
      .enum(['up', 'down', 'deleted'])
      .meta({ title: 'Wanted', description: '`deleted`: it was there until now.' }),
    public: z.array(z.string()).meta({
      title: 'Public',
      description: 'Its addresses outside; dhcp: as they are given to it, and those that it has now.',
    }),
    outside: z.string().optional().meta({ title: 'Outside', description: 'The network that it goes out by.' }),
    gateways: z.array(z.string()).meta({ title: 'Gateways' }),
    networks: z.array(z.string()).meta({ title: 'Networks', description: 'With its addresses on them.' }),
    dns: z.array(z.string()).meta({ title: 'DNS', description: 'Who answers about names elsewhere.' }),
    pools: z.array(z.string()).meta({ title: 'Pools' }),
    forwards: z.array(z.string()).meta({ title: 'Forwards' }),
    ingress: z.array(z.string()).meta({ title: 'Ingress' }),
    problems: z.array(z.string()).meta({ title: 'Problems' }),
  })
  .meta({
    line: '{router} · {host} · {wanted} · {public} · {networks} · {forwards} · {ingress} · {problems}',
    columns: ['router', 'host', 'wanted', 'public', 'networks', 'forwards', 'ingress', 'problems'],
  });
export type RouterRecord = z.infer<typeof RouterRecord>;

const changed = { ...change, result: RouterRecord } as const;

export const routerVerbs = {
  'router.list': verb({
    summary: 'List the routers, and how each is.',
    risk: 'read',
    args: z.strictObject({}),
    positional: [],
    result: z.array(RouterRecord),
    failures: [],
    timeoutMs: 10_000,
    example: 'router list',
  }),
  'router.info': verb({
    summary: 'Show what a router is, and how it is.',
    risk: 'read',
    args: z.strictObject({ router }),
    positional: ['router'],
    result: RouterRecord,
    failures: ['router-not-found'],
    timeoutMs: 10_000,
    example: 'router info lan',
  }),
  'router.create': verb({
    ...changed,
    summary: 'Make a router: its public address and a subnet are enough.',
    details:
      'With a subnet it makes the network of the same name as well, and is its gateway. It gives guests their addresses (DHCP, router advertisements) and answers their names (DNS).',
    args: z.strictObject({
      router: newRouter,
      public: z.array(at).max(2).default([]).meta({
        title: 'Public',
        description:
          'Its address outside with the length of the prefix, as 192.0.2.10/24; one of IPv4, or one of IPv6, or both; or dhcp.',
      }),
      subnet,
      gateway: z
        .array(Address)
        .max(2)
        .default([])
        .meta({ title: 'Gateways', description: 'Where it sends what is for elsewhere, outside.' }),
      outside: NetworkName.optional().meta({
        title: 'Outside',
        description: 'Network of the kind outside; where there is one only, that.',
        choices: 'network',
      }),
      network: z
        .array(NetworkName)
        .max(64)
        .default([])
        .meta({ title: 'Networks', description: 'That are there, and that it has a leg on.', choices: 'network' }),
      host: HostName.optional().meta({
        title: 'Host',
        description: 'Where it runs. Unless given, where the network outside is.',
        choices: 'host',
      }),
      kind: z
        .enum(['isolated', 'nat', 'routed'])
        .default('nat')
        .meta({ title: 'Kind', description: 'Of the network that is made.' }),
      dns: z
        .array(Address)
        .max(8)
        .default([])
        .meta({ title: 'DNS', description: 'Who is asked about names elsewhere; without any, nobody.' }),
      domain,
      pool: z.array(at).max(64).default([]).meta({
        title: 'Pools',
        description: 'FIRST-LAST, for machines that are no guests here; without one they get no address.',
      }),
      mtu,
      level,
    }),
    positional: ['router'],
    failures: [
      'router-exists',
      'network-exists',
      'network-not-found',
      'network-subnet',
      'address-outside',
      'address-taken',
      'addresses-spent',
      'network-host',
      'host-not-found',
      'host-space',
    ],
    example: 'router create lan public=192.0.2.10/24 gateway=192.0.2.1 subnet=10.99.0.0/16',
  }),
  'router.delete': verb({
    ...changed,
    summary: 'Remove a router that no guest depends on, and the network that was made with it.',
    risk: 'destroy',
    args: z.strictObject({ router }),
    positional: ['router'],
    failures: ['router-not-found', 'router-in-use', 'host-space'],
    example: 'router delete lan',
  }),
  'router.start': verb({
    ...changed,
    summary: 'Have a router again that was stopped, or have it on another host.',
    details:
      'On another host it keeps its addresses and MACs. It begins there when the host that had it has said that it let go of it; while that one is not heard, it is refused.',
    args: z.strictObject({
      router,
      host: HostName.optional().meta({
        title: 'Host',
        description: 'Where it runs from now on. Unless given, where it did.',
        choices: 'host',
      }),
      force: z.boolean().default(false).meta({
        title: 'Force',
        description:
          'Also while the host that had it is not heard. See that this is off, or cut off: else both have its public address.',
      }),
    }),
    positional: ['router'],
    failures: ['router-not-found', 'router-held', 'host-not-found', 'host-unreachable', 'host-space'],
    example: 'router start lan host=host2',
  }),
  'router.stop': verb({
    ...changed,
    summary: 'Take a router away from its host until it is started again; what it is is kept.',
    details: 'Its networks have no way out meanwhile, and guests get no address and no name from it.',
    risk: 'destroy',
    args: z.strictObject({ router }),
    positional: ['router'],
    failures: ['router-not-found', 'host-space'],
    example: 'router stop lan',
  }),
  'router.forward-add': verb({
    ...changed,
    summary: 'Pass a port of the public address on to a guest.',
    args: z.strictObject({
      router,
      port: port.meta({ title: 'Port', description: 'Of the public address.' }),
      to: at.meta({ title: 'To', description: 'A guest or an address, and a port where it is another: web1:80.' }),
      protocol,
    }),
    positional: ['router', 'port', 'to'],
    failures: ['router-not-found', 'address-outside', 'address-taken', 'port-not-found', 'network-host', 'host-space'],
    example: 'router forward-add lan 8080 web1:80',
  }),
  'router.forward-remove': verb({
    ...changed,
    summary: 'Pass a port on no more.',
    args: z.strictObject({ router, port: port.meta({ title: 'Port' }), protocol }),
    positional: ['router', 'port'],
    failures: ['router-not-found', 'router-entry', 'host-space'],
    example: 'router forward-remove lan 8080',
  }),
  'router.ingress-add': verb({
    ...changed,
    summary: 'Send HTTP requests for a name to guests; of several, to those that answer.',
    details: 'Servers of a name and port that is there come to those before.',
    args: z.strictObject({
      router,
      name: DomainName.meta({ title: 'Name', description: 'Host name of the requests, as www.example.org.' }),
      server: z
        .array(at)
        .min(1)
        .max(100)
        .meta({ title: 'Servers', description: 'Guests or addresses, and a port where it is another: web1:8080.' }),
      port: port.default(80).meta({ title: 'Port', description: 'Of the public address.' }),
      check: Ingress.shape.check.meta({
        title: 'Check',
        description: 'Path that has to answer with 2xx or 3xx; without it, a connection is enough.',
      }),
    }),
    positional: ['router', 'name', 'server'],
    failures: ['router-not-found', 'address-outside', 'address-taken', 'port-not-found', 'network-host', 'host-space'],
    example: 'router ingress-add lan www.example.org web1:8080 web2:8080 check=/health',
  }),
  'router.ingress-remove': verb({
    ...changed,
    summary: 'Take a name, or servers of it, out of the ingress.',
    args: z.strictObject({
      router,
      name: DomainName.meta({ title: 'Name' }),
      server: z
        .array(at)
        .max(100)
        .default([])
        .meta({ title: 'Servers', description: 'As they were given; without any, all.' }),
      port: port.default(80).meta({ title: 'Port' }),
    }),
    positional: ['router', 'name', 'server'],
    failures: ['router-not-found', 'router-entry', 'host-space'],
    example: 'router ingress-remove lan www.example.org',
  }),
};
