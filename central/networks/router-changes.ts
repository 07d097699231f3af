/** Changes of routers, each from a state to the next one. Pure. @throws Failure: why it is refused */
import { isIP } from 'node:net';
import { Failure } from '#shared/errors.ts';
import { contains, isV6, numberOf } from '#shared/model/address.ts';
import { type MacPlan, ownersOn } from './allotment.ts';
import { createNetwork, someOf, withoutNetwork } from './network-changes.ts';
import { legOn, outsideLeg, type WayOut } from './router-legs.ts';
import { badArgument, networkNamed, outside as outsideOf, requireFree, routerNamed } from './rules.ts';
import {
  type NetworkState,
  portsOn,
  routersOn,
  type SiteLeg,
  type SitePool,
  type SiteRouter,
  withoutRow,
  withRow,
} from './state.ts';

export interface NewRouter extends WayOut {
  name: string;
  /** Networks that are there. */
  network: readonly string[];
  host: string | undefined;
  dns: readonly string[];
  /** FIRST-LAST. */
  pool: readonly string[];
  by: string;
  at: string;
}

export interface RouterMeans {
  plan: MacPlan;
  random(): number;
  /** All hosts of the site. */
  hosts: readonly string[];
  /** Those that realise a network now. */
  realisersOf(network: string): readonly string[];
}

/** @throws Failure router-exists, network-*, address-outside, address-taken, addresses-spent, host-not-found, bad-argument */
export function createRouter(state: NetworkState, wanted: NewRouter, means: RouterMeans): NetworkState {
  const { name, own, by, at } = wanted;
  if (state.routers.has(name)) throw new Failure('router-exists', { router: name });
  if (own === undefined && wanted.network.length === 0)
    throw badArgument('subnet', 'say a subnet for a network of its own, or network, one that is there');
  let made = own ? createNetwork(state, own, means.random) : state;
  const outside = outsideLeg(made, wanted, means.plan);
  if (outside) made = withRow(made, 'routers', bare(wanted, [], outside));
  const legs: SiteLeg[] = [];
  for (const network of [...(own ? [own.name] : []), ...new Set(wanted.network)]) {
    legs.push(legOn(made, networkNamed(made, network), means.plan));
    made = withRow(made, 'routers', bare(wanted, legs, outside));
  }
  const host = hostFor(made, wanted, outside, means);
  const pools = wanted.pool.map((text) => poolOf(made, legs, text));
  const router: SiteRouter = {
    ...{
      name,
      host,
      heldBy: host,
      outside,
      legs,
      pools,
      dns: [...wanted.dns],
      own: own?.name ?? null,
      wanted: 'up',
      by,
      at,
    },
  };
  return withRow(made, 'routers', router);
}

/** As far as it is known: so that what one leg got is not given to the next. */
const bare = ({ name, by, at }: NewRouter, legs: readonly SiteLeg[], outside: SiteRouter['outside']): SiteRouter => ({
  ...{ name, host: '', heldBy: null, outside, legs: [...legs], pools: [], dns: [], own: null, wanted: 'up', by, at },
});

function hostFor(
  state: NetworkState,
  wanted: NewRouter,
  outside: SiteRouter['outside'],
  { hosts, realisersOf }: Pick<RouterMeans, 'hosts' | 'realisersOf'>,
): string {
  if (wanted.host !== undefined) {
    if (hosts.includes(wanted.host)) return wanted.host;
    throw new Failure('host-not-found', { host: wanted.host });
  }
  const named = outside ? (state.networks.get(outside.network)?.hosts ?? []) : [];
  const there = named.length > 0 ? named : outside ? realisersOf(outside.network) : [];
  const candidates = there.length > 0 ? there : hosts;
  const [only, ...others] = candidates;
  if (only !== undefined && others.length === 0) return only;
  throw badArgument('host', `say where it runs: ${someOf(candidates)}`);
}

/** `10.99.0.100-10.99.0.200` on one of the legs. @throws Failure bad-argument, address-outside, address-taken */
function poolOf(state: NetworkState, legs: readonly SiteLeg[], text: string): SitePool {
  const [first = '', last = '', ...more] = text.split('-').map((word) => word.trim());
  if (more.length > 0 || isIP(first) !== 4 || isIP(last) !== 4 || numberOf(first) > numberOf(last))
    throw badArgument('pool', 'write FIRST-LAST of IPv4, as 10.99.0.100-10.99.0.200');
  for (const { network: name } of legs) {
    const network = networkNamed(state, name);
    if (!network.subnets.some((subnet) => contains(subnet, first) && contains(subnet, last))) continue;
    requireFree(state, network, first);
    requireFree(state, network, last);
    for (const [address, owner] of ownersOn(state, name))
      if (!isV6(address) && numberOf(first) <= numberOf(address) && numberOf(address) <= numberOf(last))
        throw new Failure('address-taken', { address, owner });
    return { network: name, first, last };
  }
  throw outsideOf(text, 'no network of this router has all of it');
}

/** With what is passed on, and the network that was made with it where nothing else is on that. @throws Failure router-not-found, router-in-use */
export function deleteRouter(state: NetworkState, name: string): NetworkState {
  const router = routerNamed(state, name);
  const guests = router.legs.flatMap(({ network }) =>
    routersOn(state, network).some((other) => other.name !== name) ? [] : portsOn(state, network),
  );
  const [first] = guests;
  if (first)
    throw new Failure('router-in-use', {
      router: name,
      users: someOf(guests.map(({ guest }) => guest)),
      how: `network detach ${first.guest} ${first.network}, and so on`,
    });
  let left = withoutRow(state, 'routers', name);
  for (const kind of ['forwards', 'ingress'] as const)
    for (const [id, entry] of state[kind]) if (entry.router === name) left = withoutRow(left, kind, id);
  const { own } = router;
  const isUsed = own === null || !left.networks.has(own) || portsOn(left, own).length + routersOn(left, own).length > 0;
  return isUsed ? left : withoutNetwork(left, own);
}
