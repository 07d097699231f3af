/** Ways in that a router has: forwards and ingress. Each a change from a state to the next one. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { Failure } from '#shared/errors.ts';
import { Address, contains, split, subnetOf } from '#shared/model/address.ts';
import { badArgument, outside, routerNamed } from './rules.ts';
import {
  type Destination,
  type NetworkState,
  portsOn,
  type SiteForward,
  type SiteIngress,
  type SiteRouter,
  withoutRow,
  withRow,
} from './state.ts';

/**
 * Where something is passed on to, as people write it: `web1:80`, `10.99.0.12:80`, `[fd00:99::c]:80`, or without the port.
 *
 * @param port where none is written
 * @param contactOf a guest as it is written, by its name at the site @throws Failure guest-not-found
 * @throws Failure bad-argument
 */
export function destinationOf(
  field: string,
  text: string,
  port: number,
  contactOf: (guest: string) => string,
): Destination {
  const bracketed = /^\[([^\]]*)\](?::(\d+))?$/.exec(text);
  const [, place = text, digits] =
    bracketed ?? (Address.safeParse(text).success ? [] : (/^(.*):(\d+)$/.exec(text) ?? []));
  const toPort = digits === undefined ? port : Number(digits);
  if (toPort < 1 || toPort > 65_535) throw badArgument(field, `${digits} is no port: use 1 to 65535`);
  const address = Address.safeParse(place);
  if (address.success) return { address: address.data, port: toPort };
  if (bracketed || place === '')
    throw badArgument(field, 'write a guest or an address, and a port behind a colon: web1:80, [fd00:99::c]:80');
  return { guest: contactOf(place), port: toPort };
}

/** @throws Failure router-not-found, address-taken, address-outside, port-not-found, bad-argument */
export function addForward(state: NetworkState, wanted: SiteForward): NetworkState {
  const router = withWayIn(state, wanted.router);
  const id = `${wanted.router} ${wanted.protocol} ${wanted.port}`;
  const there = state.forwards.get(id);
  if (there)
    throw new Failure('address-taken', {
      address: `${wanted.protocol} port ${wanted.port} of ${wanted.router}`,
      owner: `a forward to ${textOf(there.to)}`,
    });
  const ingress = state.ingress.values().find(({ router: of, port }) => of === router.name && port === wanted.port);
  if (ingress && wanted.protocol === 'tcp')
    throw new Failure('address-taken', {
      address: `tcp port ${wanted.port} of ${router.name}`,
      owner: `the ingress of ${ingress.name}`,
    });
  requireReached(state, router, wanted.to);
  return withRow(state, 'forwards', wanted);
}

/** @throws Failure router-not-found, router-entry */
export function removeForward(state: NetworkState, { router, protocol, port }: Omit<SiteForward, 'to'>): NetworkState {
  routerNamed(state, router);
  const id = `${router} ${protocol} ${port}`;
  if (state.forwards.has(id)) return withoutRow(state, 'forwards', id);
  throw new Failure('router-entry', { router, what: `forward of ${protocol} port ${port}` });
}

/** Servers come to those that are there. @throws Failure router-not-found, address-taken, address-outside, port-not-found */
export function addIngress(state: NetworkState, wanted: SiteIngress): NetworkState {
  const router = withWayIn(state, wanted.router);
  if (state.forwards.has(`${router.name} tcp ${wanted.port}`))
    throw new Failure('address-taken', { address: `tcp port ${wanted.port} of ${router.name}`, owner: 'a forward' });
  for (const server of wanted.servers) requireReached(state, router, server);
  const there = state.ingress.get(idOf(wanted));
  const servers = [...(there?.servers ?? [])];
  for (const server of wanted.servers)
    if (!servers.some((each) => isDeepStrictEqual(each, server))) servers.push(server);
  return withRow(state, 'ingress', { ...wanted, servers, check: wanted.check ?? there?.check ?? null });
}

/** Of certain servers, or all of it. @throws Failure router-not-found, router-entry */
export function removeIngress(state: NetworkState, wanted: Omit<SiteIngress, 'check'>): NetworkState {
  routerNamed(state, wanted.router);
  const there = state.ingress.get(idOf(wanted));
  const { router } = wanted;
  if (!there) throw new Failure('router-entry', { router, what: `ingress for ${wanted.name} at port ${wanted.port}` });
  const unknown = wanted.servers.find((server) => !there.servers.some((each) => isDeepStrictEqual(each, server)));
  if (unknown) throw new Failure('router-entry', { router, what: `server ${textOf(unknown)} for ${wanted.name}` });
  const left = there.servers.filter((server) => !wanted.servers.some((each) => isDeepStrictEqual(each, server)));
  if (wanted.servers.length === 0 || left.length === 0) return withoutRow(state, 'ingress', idOf(wanted));
  return withRow(state, 'ingress', { ...there, servers: left });
}

const idOf = ({ router, name, port }: Pick<SiteIngress, 'router' | 'name' | 'port'>): string =>
  `${router} ${name} ${port}`;

/** @throws Failure router-not-found, bad-argument: it has no leg outside */
function withWayIn(state: NetworkState, name: string): SiteRouter {
  const router = routerNamed(state, name);
  if (router.outside) return router;
  throw badArgument('router', `${name} has no leg outside, so nobody comes in there`);
}

/** @throws Failure address-outside, port-not-found */
function requireReached(state: NetworkState, router: SiteRouter, to: Destination): void {
  if ('address' in to) {
    const subnets = router.legs.flatMap(({ addresses }) => addresses.map(subnetOf));
    if (subnets.some((subnet) => contains(subnet, to.address))) return;
    throw outside(to.address, `${router.name} is on ${subnets.join(', ')}`);
  }
  if (addressesOf(state, router, to).length > 0) return;
  const networks = router.legs.map(({ network }) => network).join(', ');
  throw new Failure('port-not-found', {
    guest: to.guest,
    what: `with an address on a network of ${router.name} (${networks})`,
  });
}

/** The addresses where a router finds it: of IPv4 first. Of a guest, those that it has now. */
export function addressesOf(state: NetworkState, { legs }: Pick<SiteRouter, 'legs'>, to: Destination): string[] {
  if ('address' in to)
    return legs.some(({ addresses }) => addresses.some((own) => contains(subnetOf(own), to.address)))
      ? [to.address]
      : [];
  return legs.flatMap(({ network, addresses: own }) =>
    portsOn(state, network)
      .filter(({ guest }) => guest === to.guest)
      .flatMap(({ addresses }) => addresses)
      .filter((address) => own.some((each) => contains(subnetOf(each), address) && split(each).address !== address)),
  );
}

/** As people write it. */
export function textOf(to: Destination): string {
  if ('guest' in to) return `${to.guest}:${to.port}`;
  return to.address.includes(':') ? `[${to.address}]:${to.port}` : `${to.address}:${to.port}`;
}
