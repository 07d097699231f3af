/**
 * Responsibilities: know what each host shall realise now, and where the tunnels between hosts begin.
 *
 * Theory of operation: what a host shall realise is compiled (compile.ts) from what is wanted, from where guests are, and from where the
 * hosts' tunnels begin. It is compiled once for a state, and anew when guests or hosts may be elsewhere.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Site } from '#central/inventory/site.ts';
import { HostNetworks, type NetworkStanding, NO_NETWORKS } from '#shared/model/network.ts';
import { digestOf } from '#shared/verb/digest.ts';
import type { NetworkBook } from './book.ts';
import { type Compiled, compileSite } from './compile.ts';
import type { Moves } from './moves.ts';
import type { NetworkState } from './state.ts';

export interface DueDeps {
  site: Pick<Site, 'hosts' | 'hostsOf'>;
  book: Pick<NetworkBook, 'state'>;
  moves: Pick<Moves, 'expectedAt'>;
  /** Subnet of hosts that meet by WireGuard. */
  mesh: string;
}

/** Where a host's tunnels begin. */
export type Ends = Pick<NetworkStanding, 'underlay' | 'wireguard'>;
export const endsIn = ({ underlay, wireguard }: Ends = {}): Ends => ({ underlay, wireguard });

const digestOfNetworks = (document: HostNetworks): string => digestOf('networks', document);
/** What is due at a host that has no part in any network. */
export const NOTHING = digestOfNetworks(HostNetworks.parse(NO_NETWORKS));

export class Due {
  readonly #deps: DueDeps;
  readonly #ends = new Map<string, Ends>();
  /** As long as guests and hosts are where they were: a state is never changed in place. */
  #compiled = new WeakMap<NetworkState, Compiled>();

  constructor(deps: DueDeps) {
    this.#deps = deps;
    for (const { name, known } of deps.site.hosts()) this.#ends.set(name, endsIn(known.facts?.networks));
  }

  get compiled(): Compiled {
    return this.#compile(this.#deps.book.state);
  }

  /** What a host shall realise, and the digest that says whether it has taken that. */
  at(host: string): { document: HostNetworks; digest: string } {
    const document = this.compiled.documentOf(host);
    return { document, digest: digestOfNetworks(document) };
  }

  /** Hosts whose part differs between two states. Sorted. */
  concernedBy(before: NetworkState, after: NetworkState): string[] {
    const [was, is] = [this.#compile(before), this.#compile(after)];
    return [...new Set([...was.hosts, ...is.hosts])]
      .filter((host) => digestOfNetworks(was.documentOf(host)) !== digestOfNetworks(is.documentOf(host)))
      .sort();
  }

  /** @returns whether its tunnels begin elsewhere than was known, which is news to the others */
  learn(host: string, ends: Ends): boolean {
    if (isDeepStrictEqual(this.#ends.get(host), ends)) return false;
    this.#ends.set(host, ends);
    return true;
  }

  /** Guests, hosts or tunnels may be elsewhere. */
  renew(): void {
    this.#compiled = new WeakMap();
  }

  #compile(state: NetworkState): Compiled {
    const { site, moves, mesh } = this.#deps;
    const known = this.#compiled.get(state);
    if (known) return known;
    const compiled = compileSite(state, {
      hosts: new Set(site.hosts().map(({ name }) => name)),
      hostsOf: (guest) => {
        const expected = moves.expectedAt(guest);
        return expected === undefined ? site.hostsOf(guest) : [...new Set([...site.hostsOf(guest), expected])].sort();
      },
      underlayOf: (host) => this.#ends.get(host)?.underlay,
      wireguardOf: (host) => this.#ends.get(host)?.wireguard,
      mesh,
    });
    this.#compiled.set(state, compiled);
    return compiled;
  }
}
