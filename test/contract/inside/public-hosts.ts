import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Run, run } from '#agent/exec/run.ts';
import type { NetworkDriver } from '#agent/networks/driver.ts';
import { linuxNetworks } from '#agent/networks/linux/driver.ts';
import { linuxMesh } from '#agent/networks/linux/mesh/mesh.ts';
import { patience } from '#agent/networks/patience.ts';
import { realise } from '#agent/networks/realise.ts';
import { wireguardEnd, wireguardFolder } from '#agent/networks/wireguard-end.ts';
import { systemClock } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';
import type { MeshEnd } from '#shared/model/mesh.ts';
import type { HostNetworks, NetworkTrouble } from '#shared/model/network.ts';
import { noRouters, sh } from './host.ts';

/** A host of its own on the bridge `public`: a network namespace with a /run of its own. */
export interface PublicHost {
  name: string;
  driver: NetworkDriver;
  folder: string;
  run: Run;
  /** Without it, others cannot dial it. */
  endpoint: string | undefined;
  wireguard(): Promise<MeshEnd | undefined>;
  /** One pass of its agent. */
  pass(document: HostNetworks): Promise<NetworkTrouble[]>;
  /** Lines for a shell, there. */
  sh(...lines: string[]): Promise<string>;
  /** Its agent begins anew, and knows nothing but what is on the disk. */
  again(): void;
  end(): Promise<void>;
}

export const PORT = 51_820;

/** @param n the last byte of its address, 198.51.100.n */
export async function publicHost(name: string, n: number): Promise<PublicHost> {
  const folder = await mkdtemp(join(tmpdir(), 'skerry-mesh-'));
  const machine = spawn(
    'unshare',
    ['--net', '--mount', 'sh', '-c', 'mount -t tmpfs none /run && echo up && exec cat'],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  await once(machine.stdout, 'data');
  const { pid } = machine;
  const inside: Run = (command, signal) =>
    run(
      { ...command, file: 'nsenter', args: ['-t', `${pid}`, '-n', '-m', '--', command.file, ...command.args] },
      signal,
    );
  const shell = (...lines: string[]): Promise<string> =>
    inside(
      { file: 'bash', args: ['-c', ['set -e', ...lines].join('\n')], timeoutMs: 60_000 },
      AbortSignal.timeout(60_000),
    );
  await sh(`ip link add name pub${n} type veth peer name eth0 netns ${pid}`, `ip link set pub${n} master public up`);
  await shell(
    'ip link set lo up',
    // As hosts are that keep their guests' router advertisements off.
    'sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 net.ipv6.conf.lo.disable_ipv6=0',
    `ip addr add 198.51.100.${n}/24 dev eth0`,
    'ip link set eth0 up',
  );
  const host: PublicHost = {
    ...{ name, folder, run: inside, sh: shell, endpoint: `198.51.100.${n}`, driver: undefined as never },
    wireguard: () => wireguardEnd(configOf(host)),
    pass: async (document) => {
      const deps = { driver: host.driver, waits: patience(systemClock) };
      return (await realise(deps, document, AbortSignal.timeout(60_000))).troubles;
    },
    again: () => {
      host.driver = driverOf(host);
    },
    end: async () => {
      await host.driver.keepMesh(undefined, [], AbortSignal.timeout(30_000));
      machine.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
  host.again();
  return host;
}

const configOf = ({ name, endpoint, folder }: PublicHost) => ({
  ...{ host: name, state: folder },
  networks: {
    ...{ driver: 'linux' as const, switch: 'bridge' as const, dns: [] },
    wireguard: { listen: PORT, mtu: 1420, ...(endpoint === undefined ? {} : { endpoint }) },
  },
});

const driverOf = ({ name, folder, run: inside, wireguard }: PublicHost): NetworkDriver =>
  linuxNetworks({
    ...{ run: inside, host: name, folder: join(folder, 'networks'), routers: noRouters },
    mesh: {
      readWireguard: wireguard,
      keepMesh: linuxMesh({
        ...{ run: inside, host: name, folder: wireguardFolder(folder), port: PORT },
        lookUp: async (missing) => {
          throw new Failure('host-not-found', { host: missing });
        },
      }).keep,
    },
  });

/** A machine on a bridge of the host: a namespace with an eth0. */
export const plugInto = (host: PublicHost, space: string, address: string, bridge: string, mtu: number) =>
  host.sh(
    `ip netns add ${space}`,
    `ip netns exec ${space} sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1`,
    `ip link add name ${space}0 type veth peer name eth0 netns ${space}`,
    `ip link set ${space}0 master ${bridge} up mtu ${mtu}`,
    `ip -n ${space} link set eth0 up mtu ${mtu}`,
    `ip -n ${space} addr add ${address} dev eth0`,
  );
