import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NicFacts } from '#agent/drivers/nic-lists.ts';
import { IP_MS_MAX, ip, ipInside, parseVeths, type Veth } from '#agent/drivers/veths.ts';
import type { NicWanted } from '#shared/model/nic.ts';
import type { Ground } from './ground.ts';

/** An interface of a zone that runs, and its name inside. */
export type LiveNic = NicFacts & { inside: string };

/** Each end inside with the host's end of it; one whose other end is in another namespace is none of a bridge's. */
export const pairsOf = (inside: readonly Veth[], outside: readonly Veth[]): LiveNic[] =>
  inside.map((end): LiveNic => {
    const other = outside.find(({ ifindex, link_index }) => ifindex === end.link_index && link_index === end.ifindex);
    return {
      mac: end.address.toLowerCase(),
      kind: other?.master === undefined ? 'veth' : 'bridge',
      ...(other?.master === undefined ? {} : { source: other.master }),
      ...(other === undefined ? {} : { link: other.ifname }),
      model: 'veth',
      mtu: end.mtu,
      inside: end.ifname,
    };
  });

export async function liveNics(ground: Ground, pid: number, signal: AbortSignal): Promise<LiveNic[]> {
  const show = ['-j', 'link', 'show', 'type', 'veth'];
  const [inside, outside] = await Promise.all([
    ground.run(ipInside(pid, ...show), signal),
    ground.run(ip(...show), signal),
  ]);
  return pairsOf(parseVeths(inside), parseVeths(outside));
}

/** A pair of links, one end on the bridge and one in the zone; nothing of it is left where a part fails. */
export async function makePair(
  ground: Ground,
  pid: number,
  { link, mac, mtu, bridge }: NicWanted,
  inside: string,
  signal: AbortSignal,
): Promise<void> {
  const size = ['mtu', `${mtu}`];
  const peer = ['peer', 'name', inside, 'address', mac, ...size, 'netns', `${pid}`];
  await ground.run(ip('link', 'add', 'name', link, ...size, 'type', 'veth', ...peer), signal);
  try {
    await ground.run(ip('link', 'set', link, 'master', bridge, 'up'), signal);
    await ground.run(ipInside(pid, 'link', 'set', inside, 'up'), signal);
  } catch (error) {
    await ground.run(ip('link', 'del', link), AbortSignal.timeout(IP_MS_MAX)).catch((left: unknown) => {
      ground.log.warn({ link, err: left }, 'a link that came to nothing was left');
    });
    throw error;
  }
}

/** What the host's ends have counted: what the zone receives is what its host sends. */
export async function countedBytes(
  ground: Ground,
  pid: number,
  signal: AbortSignal,
): Promise<{ netReceiveBytes: number; netTransmitBytes: number }> {
  const nics = await liveNics(ground, pid, signal);
  const sum = async (what: string): Promise<number> => {
    const counts = await Promise.all(nics.map(({ link }) => (link === undefined ? 0 : countOf(link, what))));
    return counts.reduce((total, each) => total + each, 0);
  };
  return { netReceiveBytes: await sum('tx_bytes'), netTransmitBytes: await sum('rx_bytes') };
}

/** A link that has gone meanwhile has counted nothing. */
const countOf = async (link: string, what: string): Promise<number> =>
  Number((await readFile(join('/sys/class/net', link, 'statistics', what), 'utf8').catch(() => '0')).trim());
