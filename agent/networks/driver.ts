import type { Watch } from '#agent/drivers/driver.ts';
import type { Failure } from '#shared/errors.ts';
import type { HostMesh, MeshEnd } from '#shared/model/mesh.ts';
import type { GivenOutside, HostLook, HostNetwork, HostPort, HostRouter, Lease } from '#shared/model/network.ts';
import type { Datapath } from '#shared/model/nic.ts';

/**
 * What a host's networking must be able to do, whatever realises it.
 *
 * Each `make…` makes what is not there, mends what is not right, and does nothing where all is right: it may be called again at any
 * time, also after it was cut off anywhere. When it fails, what this call made is taken away again. A driver never changes or removes what
 * it did not make: where something else has the name, that is `network-clash`. It fails with Failure only: `network-clash`,
 * `network-missing` (an outside link that is not there), `network-host` (this host cannot), `host-command`, `host-output`, `host-timeout`.
 */
export interface NetworkDriver {
  /** `linux`, `illumos`, `fake`, `none`. */
  readonly kind: string;

  /** Of what it made, all that is there now, whole or half: what is not wanted can then be removed. */
  readRealised(signal: AbortSignal): Promise<Realised>;

  /**
   * Make all of them at once: one that fails does not keep others from being made. Links of `ports` that are there and on no bridge, as after
   * theirs was removed by hand, are put on theirs.
   *
   * @returns what failed, by the name of the network
   */
  makeNetworks(
    networks: readonly HostNetwork[],
    ports: readonly HostPort[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, Failure>>;
  /** Nothing happens for those that are not there. */
  removeNetworks(names: readonly string[], signal: AbortSignal): Promise<void>;

  /** Hold every guest port to its MAC and addresses, from now on: all ports of the host, in place of those before. Links may come later. */
  guardPorts(ports: readonly HostPort[], signal: AbortSignal): Promise<void>;
  /** Ports that are on networks of ours, guests' and unknown ones. */
  readPorts(signal: AbortSignal): Promise<RealisedPort[]>;

  /** How a guest's interface gets on a bridge: undefined where that is one of the kernel's, as it is without this. */
  datapathOf?(bridge: string, signal: AbortSignal): Promise<Datapath | undefined>;

  /** @param network the one that it looks at */
  makeLook(look: HostLook, network: HostNetwork, signal: AbortSignal): Promise<void>;
  removeLook(network: string, signal: AbortSignal): Promise<void>;
  /** What runs a program where a look has its leg. */
  enterLook(network: string, argv: readonly string[]): readonly [string, ...string[]];

  /** @param networks all of the host: those of its legs are among them */
  makeRouter(router: HostRouter, networks: readonly HostNetwork[], signal: AbortSignal): Promise<void>;
  removeRouter(name: string, signal: AbortSignal): Promise<void>;
  /** What is wrong with a router that was made: a service that does not stay up, in words. Empty where all is right. */
  examineRouter(name: string, signal: AbortSignal): Promise<string[]>;
  /** What a router that asks by DHCP has outside now; where that is nothing, why. */
  readGiven(router: string, signal: AbortSignal): Promise<GivenOutside>;
  readLeases(router: string, signal: AbortSignal): Promise<Lease[]>;

  /** Where tunnels begin. Undefined where the host's configuration names no link. @throws Failure network-missing */
  readUnderlay(signal: AbortSignal): Promise<Underlay | undefined>;

  /** What others need to reach this host by WireGuard. Undefined where the host's configuration does not name it. */
  readWireguard(signal: AbortSignal): Promise<MeshEnd | undefined>;
  /**
   * Have the host's WireGuard link as the mesh says, or none. Sessions with peers that stay are not cut.
   *
   * @param vnis of tunnels that begin in the mesh: their packets come and go by it alone
   */
  keepMesh(mesh: HostMesh | undefined, vnis: readonly number[], signal: AbortSignal): Promise<void>;

  /** Whether a tunnel's other end answers to packets as large as those that carry `mtu` bytes in it; where not, why, in words. */
  reachPeer(peer: string, mtu: number, signal: AbortSignal): Promise<string | undefined>;

  /** Tell when something of what it made may have changed, by whomever. `onBreak` once when that ends by itself. */
  watch(onChange: () => void, onBreak: (problem: Error) => void, signal: AbortSignal): Promise<Watch>;

  close(): Promise<void>;
}

export interface Realised {
  networks: string[];
  /** Networks that have a look. */
  looks: string[];
  routers: string[];
}

export interface RealisedPort {
  network: string;
  link: string;
  /** Of the guest's side; undefined where it is not known. */
  mac?: string;
  /** To the guest, and from it. */
  bytesIn?: number;
  bytesOut?: number;
}

export interface Underlay {
  link: string;
  address: string;
  mtu: number;
}
