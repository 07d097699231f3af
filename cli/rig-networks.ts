import { HOSTS, NETWORK, OUTSIDE, type PlannedGuest, type PlannedNetwork } from '#provisioning/rig/plan.ts';
import type { RigFile } from '#provisioning/rig/rig-file.ts';
import { type AskRig, asRigAdmin } from './rig-asking.ts';

/** Lay the network of the rig's own guests, as the administrator would. */
export function layGrid(rig: RigFile, say: (line: string) => void): Promise<void> {
  const guests = HOSTS.flatMap((host) => [...host.guests, ...host.zones]);
  return asRigAdmin(rig, (ask) => layNetwork(ask, NETWORK, guests, say));
}

/**
 * Lay a private network: what is outside, the network itself, and the router between them; then give each guest its address. What is there already
 * is left as it is.
 */
export async function layNetwork(
  ask: AskRig,
  network: PlannedNetwork,
  guests: readonly Pick<PlannedGuest, 'name' | 'address'>[],
  say: (line: string) => void,
): Promise<void> {
  await makeMissing(ask, network, say);
  const { guests: there } = (await ask('network.info', { network: network.name })) as { guests: string[] };
  const attached = new Set(there.map((each) => each.split(' ')[0]));
  for (const { address, name: guest } of guests)
    if (!attached.has(guest)) await ask('network.attach', { guest, ip: [address] });
}

async function makeMissing(
  ask: AskRig,
  { name, subnets, domain, router }: PlannedNetwork,
  say: (line: string) => void,
): Promise<void> {
  const networks = names(await ask('network.list', {}), 'network');
  const routers = names(await ask('router.list', {}), 'router');
  if (!networks.has(OUTSIDE.name))
    await ask('network.create', { network: OUTSIDE.name, kind: 'outside', link: OUTSIDE.link });
  if (!networks.has(name)) {
    const host = HOSTS.map((each) => each.name);
    await ask('network.create', { network: name, kind: 'nat', subnet: subnets, domain, host });
    say(`The network ${name} (${subnets.join(', ')}) is there, on ${host.join(' and ')}`);
  }
  if (!routers.has(router.name)) {
    const { host, gateway } = router;
    await ask('router.create', {
      ...{ router: router.name, host, public: [router.public], gateway: [gateway] },
      ...{ outside: OUTSIDE.name, network: [name] },
    });
    say(`The router ${router.name} is there, on ${host}: ${name} gets out as ${router.public.split('/')[0]}`);
  }
}

const names = (listed: unknown, key: 'network' | 'router'): Set<string> =>
  new Set((listed as Record<string, string>[]).map((each) => each[key] ?? ''));
