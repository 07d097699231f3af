import { z } from 'zod';
import { Failure } from '#shared/errors.ts';
import { isV6, split, subnetOf } from '#shared/model/address.ts';
import { HostNetwork, HostRouter } from '#shared/model/network.ts';

/** A router with all that its parts are built from. What is in it has passed the schemas here, whoever called. */
export interface RouterPlan {
  router: HostRouter;
  legs: readonly PlannedLeg[];
  outside?: PlannedLeg;
}

export interface PlannedLeg {
  network: string;
  /** Name of the link inside the router's namespace. */
  link: string;
  mac: string;
  mtu: number;
  addresses: readonly string[];
  /** Of the outside leg. */
  gateways: readonly string[];
  /** It has those of IPv4 that DHCP outside gives it. */
  isGiven?: boolean;
  /** The link on the host that it is on: a bridge, or outside also a plain link. */
  on: string;
  domain?: string;
  /** How its network gets out. The outside leg has none. */
  way: 'nat' | 'routed' | 'none';
}

/** The outside leg is called so in every router. */
export const OUTSIDE = 'out';
/** Words that mean something else inside a namespace; no network's name has an underscore. */
const RESERVED = new Set(['lo', 'all', 'default', OUTSIDE]);

/** The namespace of a router, as `ip netns` names it. */
export const namespaceOf = (router: string): string => `sk-${router}`;
export const legLinkOf = (network: string): string => (RESERVED.has(network) ? `${network}_` : network);

/** @throws Failure network-host with what cannot be made */
export function planRouter(given: HostRouter, networks: readonly HostNetwork[], host: string): RouterPlan {
  const router = parsed(HostRouter, given, host);
  const known = new Map(networks.map((network) => [network.name, network]));
  const legOf = ({ network, mac, addresses }: HostRouter['legs'][number]): Omit<PlannedLeg, 'link' | 'way'> => {
    const found = known.get(network);
    if (!found) throw cannot(host, `the router ${router.name} has a leg on ${network}, which this host does not have`);
    const { link, mtu } = parsed(HostNetwork, found, host);
    return { network, mac, mtu, addresses, gateways: [], on: link };
  };
  const wayOf = (network: string): PlannedLeg['way'] =>
    router.routed.includes(network) ? 'routed' : router.nat.includes(network) ? 'nat' : 'none';
  const plan: RouterPlan = {
    router,
    legs: router.legs.map((leg) => {
      const domain = Object.hasOwn(router.domains, leg.network) ? router.domains[leg.network] : undefined;
      const way = wayOf(leg.network);
      return { ...legOf(leg), link: legLinkOf(leg.network), way, ...(domain === undefined ? {} : { domain }) };
    }),
    ...(router.outside && {
      outside: {
        ...legOf(router.outside),
        gateways: router.outside.gateways,
        link: OUTSIDE,
        way: 'none' as const,
        isGiven: router.outside.addresses.length === 0,
      },
    }),
  };
  const problem = contradiction(plan);
  if (problem !== undefined) throw cannot(host, `the router ${router.name} ${problem}`);
  return plan;
}

const cannot = (host: string, problem: string): Failure => new Failure('network-host', { host, problem });

function parsed<T>(schema: z.ZodType<T>, given: unknown, host: string): T {
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  throw cannot(host, z.prettifyError(result.error).replaceAll('\n', ' '));
}

/** What two parts of a router say against each other. */
function contradiction({ router, legs, outside }: RouterPlan): string | undefined {
  const twice = [
    repeated(legs.map(({ network }) => `the network ${network}`)),
    repeated(allLegs({ legs, ...(outside && { outside }) }).map(({ mac }) => `the MAC ${mac}`)),
    repeated(router.forwards.map((each) => `the forward ${each.protocol} ${each.port} ${family(each.address)}`)),
    repeated(router.ingress.map(({ name, port }) => `the ingress ${name} ${port}`)),
    ...router.ingress.map(({ servers }) =>
      repeated(servers.map(({ address, port }) => `the server ${address} ${port}`)),
    ),
  ].find((each) => each !== undefined);
  if (twice !== undefined) return `has ${twice} twice`;
  if (outside?.isGiven && outside.gateways.length > 0) return 'asks for its address by DHCP, and has a gateway already';
  const ports = new Set(router.ingress.map(({ port }) => port));
  const shared = router.forwards.find(({ protocol, port }) => protocol === 'tcp' && ports.has(port));
  if (shared) return `has a forward and an ingress at port ${shared.port}`;
  return undefined;
}

const repeated = (all: readonly string[]): string | undefined => all.find((each, at) => all.indexOf(each) !== at);
const family = (address: string): string => (isV6(address) ? 'IPv6' : 'IPv4');

export const allLegs = ({ legs, outside }: Pick<RouterPlan, 'legs' | 'outside'>): readonly PlannedLeg[] => [
  ...(outside ? [outside] : []),
  ...legs,
];

/** Subnets of a leg, of one family. */
export const subnetsOf = (leg: PlannedLeg, version: 4 | 6): string[] => ofFamily(leg.addresses, version).map(subnetOf);
/** Addresses (with or without a prefix) of one family, less their prefix. */
export const bareOf = (addresses: readonly string[], version: 4 | 6): string[] =>
  ofFamily(addresses, version).map((address) => (address.includes('/') ? split(address).address : address));
const ofFamily = (addresses: readonly string[], version: 4 | 6): string[] =>
  addresses.filter((address) => isV6(address) === (version === 6));
