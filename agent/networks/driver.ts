import type { Watch } from '#agent/drivers/driver.ts';
import type { HostLook, HostNetwork, HostPort, HostRouter, Lease } from '#shared/model/network.ts';

/**
 * What a host's networking must be able to do, whatever realises it.
 *
 * Each `make…` makes what is not there, mends what is not right, and does nothing where all is right: it may be called again at any
 * time, also after it was cut off anywhere. When it fails, what this call made is taken away again. A driver never changes or removes what it did not make: where something
 * else has the name, it throws `network-clash`. It throws Failure only: `network-clash`, `network-missing` (an outside link that is not there),
 * `host-command`, `host-output`, `host-timeout`.
 */
export interface NetworkDriver {
  /** `linux`, `fake`. */
  readonly kind: string;

  /** Of what it made, all that is there now, whole or half: what is not wanted can then be removed. */
  readRealised(signal: AbortSignal): Promise<Realised>;

  makeNetwork(network: HostNetwork, signal: AbortSignal): Promise<void>;
  /** Nothing happens where there is none. */
  removeNetwork(name: string, signal: AbortSignal): Promise<void>;

  /** Hold every guest port to its MAC and addresses, from now on: all ports of the host, in place of those before. Links may come later. */
  guardPorts(ports: readonly HostPort[], signal: AbortSignal): Promise<void>;
  /** Ports that are on networks of ours, guests' and unknown ones. */
  readPorts(signal: AbortSignal): Promise<RealisedPort[]>;

  makeLook(look: HostLook, signal: AbortSignal): Promise<void>;
  removeLook(network: string, signal: AbortSignal): Promise<void>;
  /** What runs a program where a look has its leg. */
  enterLook(network: string, argv: readonly string[]): readonly [string, ...string[]];

  makeRouter(router: HostRouter, signal: AbortSignal): Promise<void>;
  removeRouter(name: string, signal: AbortSignal): Promise<void>;
  /** What is wrong with a router that was made: a service that does not stay up, in words. Empty where all is right. */
  examineRouter(name: string, signal: AbortSignal): Promise<string[]>;
  readLeases(router: string, signal: AbortSignal): Promise<Lease[]>;

  /** Where tunnels begin. Undefined where the host's configuration names no link. @throws Failure network-missing */
  readUnderlay(signal: AbortSignal): Promise<Underlay | undefined>;

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
  bytesIn?: number;
  bytesOut?: number;
}

export interface Underlay {
  link: string;
  address: string;
  mtu: number;
}
