import type { DriverGuest, DriverHost, GuestId } from '#agent/drivers/driver.ts';
import { Failure } from '#shared/errors.ts';
import { type GuestStats, isActive } from '#shared/model/guest.ts';
import { parseAddresses } from './addresses.ts';
import { agentState, factsIn } from './definition.ts';
import { parseDomstats, statsOf } from './domstats.ts';
import { checkedId, failedWith, type Ground } from './ground.ts';
import { cpuTimeIn, type GuestFacts, guestOf, parseDominfo, usedMemoryIn } from './guest-facts.ts';
import { parseHost } from './host-facts.ts';
import { type ListedGuest, parseListing, parseNames, uuidsIn } from './listing.ts';
import { parseState } from './states.ts';

/** Names and ids of all guests. */
export const listNames = async (
  { virsh, hypervisor }: Pick<Ground, 'virsh' | 'hypervisor'>,
  signal: AbortSignal,
): Promise<{ id: GuestId; name: string }[]> =>
  parseNames(await virsh.read(['list', '--all', '--uuid', '--name'], signal)).filter(
    ({ id }) => id !== hypervisor.hostId,
  );

/** One guest. @throws Failure guest-not-found */
export async function readGuest(ground: Ground, id: GuestId, signal: AbortSignal): Promise<DriverGuest> {
  checkedId(ground, id);
  const ask = (...words: string[]) => ground.virsh.read([...words, id], signal);
  try {
    const [facts, state, title] = await Promise.all([
      readFacts(ground, id, signal),
      ask('domstate', '--reason'),
      ask('desc', '--title'),
    ]);
    return guestOf(facts, parseState(state), title);
  } catch (error) {
    throw failedWith(error, 'guest-not-found') ? missing(ground, id) : error;
  }
}

/** One question, or one and two of all guests. */
async function readFacts({ virsh, hypervisor }: Ground, id: GuestId, signal: AbortSignal): Promise<GuestFacts> {
  if (hypervisor.factsIn === 'dominfo') return parseDominfo(await virsh.read(['dominfo', id], signal));
  const [xml, autostart, persistent] = await Promise.all([
    virsh.read(['dumpxml', id], signal),
    virsh.read(['list', '--all', '--uuid', '--autostart'], signal),
    virsh.read(['list', '--all', '--uuid', '--persistent'], signal),
  ]);
  const isIn = (list: string): boolean => uuidsIn(list).includes(id);
  return { ...factsIn(xml), id, autostart: isIn(autostart), persistent: isIn(persistent) };
}

export const missing = (ground: Ground, id: GuestId): Failure =>
  new Failure('guest-not-found', { guest: id, host: ground.host });

/** A guest's definition, as it is at the moment. @throws Failure guest-not-found */
export async function readXml(ground: Ground, id: GuestId, signal: AbortSignal): Promise<string> {
  try {
    return await ground.virsh.read(['dumpxml', checkedId(ground, id)], signal);
  } catch (error) {
    throw failedWith(error, 'guest-not-found') ? missing(ground, id) : error;
  }
}

/**
 * All guests: a few questions for all, one for each that runs, and all for one whose answer was not enough.
 *
 * What libvirt would have to ask a QEMU for is not asked: one QEMU that hangs would hide all guests. So `domstats` is
 * told to leave out vCPUs and memory of guests that run; their `dominfo` has both without asking.
 */
export async function listGuests(ground: Ground, signal: AbortSignal): Promise<DriverGuest[]> {
  const ask = (...words: string[]) => ground.virsh.read(words, signal);
  const [names, titles, autostart, persistent, active, inactive] = await Promise.all([
    ask('list', '--all', '--uuid', '--name'),
    ask('list', '--all', '--title'),
    ask('list', '--all', '--uuid', '--autostart'),
    ask('list', '--all', '--uuid', '--persistent'),
    ifThere(ask('domstats', '--list-active', '--state')),
    ifThere(ask('domstats', '--list-inactive', '--state', '--balloon', '--vcpu')),
  ]);
  const listed = parseListing({ names, titles, autostart, persistent, active: active ?? '', inactive: inactive ?? '' });
  const own = listed.filter(({ id }) => id !== ground.hypervisor.hostId);
  const guests = await Promise.all(own.map((partial) => completeOrLeaveOut(ground, partial, signal)));
  return guests.filter((guest) => guest !== undefined);
}

/** For what not every hypervisor has: Xen and LXC have no `domstats`, Xen and the test driver no `nodememstats`. */
const ifThere = (stdout: Promise<string>): Promise<string | undefined> =>
  stdout.catch((error: unknown) => {
    if (!failedWith(error, 'host-command')) throw error;
    return undefined;
  });

/** A guest that went meanwhile is left out; one that cannot be read as well, and the log says so. */
async function completeOrLeaveOut(
  ground: Ground,
  { id, known, guest }: ListedGuest,
  signal: AbortSignal,
): Promise<DriverGuest | undefined> {
  try {
    if (guest) return guest;
    if (!known) return await readGuest(ground, id, signal);
    return guestOf(await readFacts(ground, id, signal), known, known.title);
  } catch (error) {
    if (failedWith(error, 'host-output', 'host-command')) {
      ground.log.warn({ guest: id, err: error }, 'guest cannot be read and is left out');
    } else if (!failedWith(error, 'guest-not-found')) {
      throw error;
    }
    return undefined;
  }
}

/** The host under the hypervisor. */
export async function readHost(ground: Ground, signal: AbortSignal): Promise<DriverHost> {
  const [nodeinfo, version, nodememstats, { cpuModel }] = await Promise.all([
    ground.virsh.read(['nodeinfo'], signal),
    ground.virsh.read(['version'], signal),
    ifThere(ground.virsh.read(['nodememstats'], signal)),
    ground.capabilities(signal),
  ]);
  return { ...parseHost({ nodeinfo, version, nodememstats }), ...(cpuModel === undefined ? {} : { cpuModel }) };
}

/** Asking a QEMU or a guest agent takes milliseconds, or else it hangs. */
const ASK_GUEST_MS_MAX = 5_000;

/** Figures of one guest; fewer where the hypervisor has no `domstats`, and of a guest whose QEMU hangs. */
export async function readStats(ground: Ground, id: GuestId, signal: AbortSignal): Promise<GuestStats> {
  const guest = await readGuest(ground, id, signal);
  try {
    const stdout = await ground.virsh.slow(['domstats', '--nowait', id], signal, ASK_GUEST_MS_MAX);
    const figures = parseDomstats(stdout).get(guest.name);
    if (figures) return statsOf(guest.name, figures);
  } catch (error) {
    if (!failedWith(error, 'host-command', 'host-timeout')) throw error;
    ground.log.info({ guest: guest.name, err: error }, 'not all figures of the guest can be had');
  }
  const info = (await ifThere(ground.virsh.read(['dominfo', id], signal))) ?? '';
  const cpuTimeS = cpuTimeIn(info);
  const usedMiB = ground.hypervisor.factsIn === 'definition' && isActive(guest.state) ? usedMemoryIn(info) : undefined;
  return {
    ...{ name: guest.name, state: guest.state },
    ...(cpuTimeS === undefined ? {} : { cpuTimeS }),
    ...(usedMiB === undefined ? {} : { memoryRssMiB: usedMiB }),
  };
}

/** Addresses as the guest agent tells them, or else a lease of libvirt's own DHCP server. */
export async function readAddresses(ground: Ground, id: GuestId, signal: AbortSignal): Promise<string[]> {
  const guest = await readGuest(ground, id, signal);
  if (!isActive(guest.state)) return [];
  const hasAgent = agentState(await ground.virsh.read(['dumpxml', id], signal)) === 'connected';
  const sources = ground.hypervisor.addressSources ?? [];
  for (const source of sources.filter((each) => each !== 'agent' || hasAgent)) {
    try {
      const words = ['domifaddr', '--source', source, id];
      const addresses = parseAddresses(await ground.virsh.slow(words, signal, ASK_GUEST_MS_MAX));
      if (addresses.length > 0) return addresses;
    } catch (error) {
      if (!failedWith(error, 'host-command', 'guest-wrong-state', 'host-timeout')) throw error;
      ground.log.debug({ guest: guest.name, source, err: error }, 'no addresses from that source');
    }
  }
  return [];
}
