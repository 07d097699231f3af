import type { DriverNic, GuestId } from '#agent/drivers/driver.ts';
import { type NicFacts, ofMac, sideBySide } from '#agent/drivers/nic-lists.ts';
import { ip, ipInside } from '#agent/drivers/veths.ts';
import { Failure } from '#shared/errors.ts';
import type { Mac } from '#shared/model/address.ts';
import type { NicWanted } from '#shared/model/nic.ts';
import { changeConfig } from './defining.ts';
import type { Ground } from './ground.ts';
import { type LiveNic, liveNics, makePair } from './links.ts';
import { freeName, nameOfMac, nicsIn, withNic, withoutNic } from './nic-config.ts';
import { readZone, type Zone } from './reading.ts';

export async function listNics(ground: Ground, id: GuestId, signal: AbortSignal): Promise<DriverNic[]> {
  const { config, now } = await readZone(ground, id, signal);
  const defined = nicsIn(config);
  if (now.pid === undefined) return defined.map((nic) => ({ ...nic, holds: 'now' }));
  const live = await liveNics(ground, now.pid, signal);
  // What is no veth is listed as it is defined: it cannot be told apart inside.
  const others = defined.filter(({ model }) => model === undefined);
  return sideBySide([...live.map(factsOf), ...others], defined);
}

const factsOf = ({ inside: _, ...nic }: LiveNic): NicFacts => nic;

/** Give a zone an interface: in its configuration, and in the zone that runs where that takes it. */
export async function attachNic(
  ground: Ground,
  id: GuestId,
  wanted: NicWanted,
  signal: AbortSignal,
): Promise<DriverNic[]> {
  const { name } = await readZone(ground, id, signal);
  const problem = await ground.inTurn(`${name}/nics`, async () => {
    const zone = await readZone(ground, id, signal);
    const live = zone.now.pid === undefined ? [] : await liveNics(ground, zone.now.pid, signal);
    const inside =
      nameOfMac(zone.config, wanted.mac) ??
      live.find(({ mac }) => mac === wanted.mac)?.inside ??
      freeName(
        zone.config,
        live.map((nic) => nic.inside),
      );
    await changeConfig(ground, name, (config) => withNic(config, wanted, inside));
    return attachLive(ground, zone, live, wanted, inside, signal);
  });
  return ofMac(await listNics(ground, id, signal), wanted.mac, problem);
}

/** Returns why the running zone did not take all of it. */
async function attachLive(
  ground: Ground,
  { now: { pid } }: Zone,
  live: readonly LiveNic[],
  wanted: NicWanted,
  inside: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (pid === undefined) return undefined;
  const nic = live.find(({ mac }) => mac === wanted.mac);
  return inWords(async () => {
    if (!nic) return makePair(ground, pid, wanted, inside, signal);
    if (nic.link === undefined) throw new Failure('host-command', { problem: 'its other end is not on the host' });
    if (nic.source !== wanted.bridge) await ground.run(ip('link', 'set', nic.link, 'master', wanted.bridge), signal);
    if (nic.mtu !== wanted.mtu) {
      await ground.run(ip('link', 'set', nic.link, 'mtu', `${wanted.mtu}`), signal);
      await ground.run(ipInside(pid, 'link', 'set', nic.inside, 'mtu', `${wanted.mtu}`), signal);
    }
    if (nic.link !== wanted.link)
      throw new Failure('host-command', { problem: 'a link is given its name when the zone starts' });
  });
}

/** Take an interface away, from a zone that runs too. */
export async function detachNic(ground: Ground, id: GuestId, mac: Mac, signal: AbortSignal): Promise<DriverNic[]> {
  const { name } = await readZone(ground, id, signal);
  const problem = await ground.inTurn(`${name}/nics`, async () => {
    const { now } = await readZone(ground, id, signal);
    await changeConfig(ground, name, (config) => withoutNic(config, mac));
    const live = now.pid === undefined ? [] : await liveNics(ground, now.pid, signal);
    return inWords(async () => {
      for (const nic of live.filter((each) => each.mac === mac))
        if (nic.link !== undefined) await ground.run(ip('link', 'del', nic.link), signal);
    });
  });
  return ofMac(await listNics(ground, id, signal), mac, problem);
}

/** Why the host did not do it; undefined where it did. */
async function inWords(change: () => Promise<void>): Promise<string | undefined> {
  try {
    await change();
    return undefined;
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'host-command') throw error;
    return String(error.details.problem);
  }
}
