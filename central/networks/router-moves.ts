/**
 * Which host has a router, from a stop to a start and from one host to another. Pure.
 *
 * Two hosts with one router have one public address. So a router is given to another host when the one that has it has said that it let go of it,
 * or when somebody says that it is off. Who has it is kept with the router: a central that begins anew goes on from there.
 */
import { Failure } from '#shared/errors.ts';
import { routerNamed } from './rules.ts';
import { type NetworkState, type SiteRouter, withRow } from './state.ts';

export interface Start {
  name: string;
  /** Where it runs from now on; unless given, where it did. */
  host: string | undefined;
  /** Whoever has it is off, or cut off: it is given on at once. */
  isForced?: boolean;
}

/** @throws Failure router-not-found */
export function wantRouter(state: NetworkState, name: string, wanted: 'up' | 'down'): NetworkState {
  const router = routerNamed(state, name);
  const { host, heldBy } = router;
  return withRow(state, 'routers', { ...router, wanted, heldBy: wanted === 'up' ? (heldBy ?? host) : heldBy });
}

/** @throws Failure router-not-found, host-not-found */
export function startRouter(
  state: NetworkState,
  { name, host: wanted, isForced = false }: Start,
  hosts: readonly string[],
): NetworkState {
  const router = routerNamed(state, name);
  const host = wanted ?? router.host;
  if (wanted !== undefined && !hosts.includes(wanted)) throw new Failure('host-not-found', { host: wanted });
  const heldBy = isForced ? host : (router.heldBy ?? host);
  return withRow(state, 'routers', { ...router, host, heldBy, wanted: 'up' });
}

/**
 * What keeps a router from being given to another host now: that the one that has it, or the other, is not heard.
 *
 * @throws Failure router-not-found, router-held, host-unreachable
 */
export function requireMovable(
  state: NetworkState,
  { name, host, isForced = false }: Start,
  isHeard: (host: string) => boolean,
): void {
  const router = routerNamed(state, name);
  const [from, to] = [router.heldBy, host ?? router.host];
  if (from === null || from === to || isForced) return;
  if (!isHeard(from)) throw new Failure('router-held', { router: name, host: from, how: forceOf(name, to) });
  if (!isHeard(to))
    throw new Failure('host-unreachable', { host: to, problem: `it is not heard, and ${name} stays on ${from}` });
}

/** One that is not to be where it is. */
export const isLeaving = ({ host, heldBy, wanted }: SiteRouter): boolean =>
  heldBy !== null && (wanted === 'down' || heldBy !== host);

/** Routers that their hosts have let go of are given to those where they shall run. The same state, where there is none. */
export const letGo = (state: NetworkState, hasLeft: (router: string, host: string) => boolean): NetworkState =>
  [...state.routers.values()]
    .filter((router) => isLeaving(router) && hasLeft(router.name, router.heldBy as string))
    .reduce(
      (before, router) =>
        withRow(before, 'routers', { ...router, heldBy: router.wanted === 'up' ? router.host : null }),
      state,
    );

/** Why one that is wanted up is not given to its host. */
export const waitsFor = ({ name, host, heldBy }: SiteRouter): string =>
  `${heldBy} has not said yet that it let go of it; if it is off, or cut off: ${forceOf(name, host)}`;

const forceOf = (router: string, host: string): string => `router start ${router} host=${host} force=yes`;
