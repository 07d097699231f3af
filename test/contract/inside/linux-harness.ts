import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '#agent/exec/run.ts';
import { linuxNetworks } from '#agent/networks/linux/driver.ts';
import { linuxMesh } from '#agent/networks/linux/mesh/mesh.ts';
import { lookSpaceOf, vxlanOf } from '#agent/networks/linux/names.ts';
import type { OpenVSwitch } from '#agent/networks/linux/openvswitch/switch.ts';
import { wireguardEnd, wireguardFolder } from '#agent/networks/wireguard-end.ts';
import type { NetworkHarness } from '../network-driver-contract.ts';
import { noRouters, sh, shape } from './host.ts';
import { switchShape } from './openvswitch.ts';

/** A host that is this namespace: its driver, and what somebody else does there. @param openvswitch what realises its bridges, where it is not the kernel */
export async function linuxHarness(openvswitch?: OpenVSwitch): Promise<NetworkHarness> {
  const folder = await mkdtemp(join(tmpdir(), 'skerry-networks-'));
  await sh('ip link add name wan0 type bridge', 'ip link set wan0 up');
  await sh('ip link add name up0 type bridge', 'ip addr add 192.0.2.1/24 dev up0', 'ip link set up0 up');
  const config = {
    ...{ host: 'here', state: folder },
    networks: {
      driver: 'linux' as const,
      switch: 'bridge' as const,
      dns: [],
      wireguard: { listen: 51_820, mtu: 1420 },
    },
  };
  const mesh = {
    readWireguard: () => wireguardEnd(config),
    keepMesh: linuxMesh({
      ...{ run, host: 'here', folder: wireguardFolder(folder), port: 51_820 },
      lookUp: async () => [],
    }).keep,
  };
  const driver = linuxNetworks({
    run,
    host: 'here',
    folder,
    routers: noRouters,
    underlay: 'up0',
    mesh,
    ...(openvswitch && { openvswitch }),
  });
  return {
    driver,
    outside: 'wan0',
    local: '192.0.2.1',
    behind: {
      makeLink: (name) => sh(`ip link add name ${name} type bridge`),
      removeLink: (name) => sh(`ip link del ${name}`),
      hasLink: async (name) =>
        sh(`ip link show dev ${name}`).then(
          () => true,
          () => false,
        ),
      loseNetwork: async ({ name, link, tunnel }) => {
        if (tunnel) await sh(`ip link del ${vxlanOf(name)}`);
        await sh(openvswitch ? `ovs-vsctl del-br ${link}` : `ip link del ${link}`);
      },
      loseGuards: () => sh('nft flush ruleset'),
      loseLook: (network) => sh(`ip netns del ${lookSpaceOf(network)}`),
    },
    changes: async () => `${await shape()}\n${openvswitch ? await switchShape() : ''}`,
    close: () => rm(folder, { recursive: true, force: true }),
  };
}
