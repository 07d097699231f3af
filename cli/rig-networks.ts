import { HOSTS, NETWORK, OUTSIDE, ROUTER } from '#provisioning/rig/plan.ts';
import type { RigFile } from '#provisioning/rig/rig-file.ts';
import { type AskRig, asRigAdmin } from './rig-asking.ts';

/**
 * Lay the rig's networks, as the administrator would: the private one of the guests, what is outside, and the router between them; then give each
 * guest its address. What is there already is left as it is.
 */
export function layNetworks(rig: RigFile, say: (line: string) => void): Promise<void> {
  return asRigAdmin(rig, async (ask) => {
    await makeMissing(ask, say);
    for (const { address, name: guest } of HOSTS.flatMap(({ guests }) => guests))
      await ask('network.attach', { guest, ip: [address] });
  });
}

async function makeMissing(ask: AskRig, say: (line: string) => void): Promise<void> {
  const networks = names(await ask('network.list', {}), 'network');
  const routers = names(await ask('router.list', {}), 'router');
  const { name, subnets, domain } = NETWORK;
  if (!networks.has(OUTSIDE.name))
    await ask('network.create', { network: OUTSIDE.name, kind: 'outside', link: OUTSIDE.link });
  if (!networks.has(name)) {
    const host = HOSTS.map((each) => each.name);
    await ask('network.create', { network: name, kind: 'nat', subnet: subnets, domain, host });
    say(`The network ${name} (${subnets.join(', ')}) is there, on ${host.join(' and ')}`);
  }
  if (!routers.has(ROUTER.name)) {
    const { name: router, host, gateway } = ROUTER;
    await ask('router.create', {
      ...{ router, host, public: [ROUTER.public], gateway: [gateway], outside: OUTSIDE.name, network: [name] },
    });
    say(`The router ${router} is there, on ${host}: ${name} gets out as ${ROUTER.public.split('/')[0]}`);
  }
}

const names = (listed: unknown, key: 'network' | 'router'): Set<string> =>
  new Set((listed as Record<string, string>[]).map((each) => each[key] ?? ''));
