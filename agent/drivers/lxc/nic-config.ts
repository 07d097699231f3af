import type { NicFacts } from '#agent/drivers/nic-lists.ts';
import type { Mac } from '#shared/model/address.ts';
import type { NicWanted } from '#shared/model/nic.ts';
import { settingIn, type ZoneConfig } from './config-text.ts';

/**
 * Interfaces in a zone's configuration: `lxc.net.NUMBER.WHAT`, one number each.
 *
 * Source: lxc.container.conf(5) NETWORK
 */
interface Entry {
  number: number;
  values: ReadonlyMap<string, string>;
}

const KEY = /^lxc\.net\.(\d+)(?:\.(.+))?$/;
const numberOf = (line: string): number | undefined => {
  const digits = KEY.exec(settingIn(line)?.key ?? '')?.[1];
  return digits === undefined ? undefined : Number(digits);
};

function entriesIn(config: ZoneConfig): Entry[] {
  const entries = new Map<number, Map<string, string>>();
  for (const line of config) {
    const { key = '', value = '' } = settingIn(line) ?? {};
    const [, digits, what] = KEY.exec(key) ?? [];
    if (key === 'lxc.net') entries.clear();
    if (digits === undefined) continue;
    const values = entries.get(Number(digits)) ?? new Map<string, string>();
    // A number without more takes back all that was said of it.
    if (what === undefined) values.clear();
    else values.set(what, value);
    entries.set(Number(digits), values);
  }
  return [...entries].map(([number, values]) => ({ number, values }));
}

/** A veth on a bridge is a `bridge`, as it is for other hypervisors; other types keep LXC's word. */
function nicOf({ values }: Entry): NicFacts {
  const type = values.get('type') ?? '';
  const source = values.get('link');
  const link = values.get('veth.pair');
  const mtu = Number(values.get('mtu') || Number.NaN);
  return {
    mac: (values.get('hwaddr') ?? '').toLowerCase(),
    kind: type === 'veth' && source !== undefined ? 'bridge' : type,
    ...(source === undefined ? {} : { source }),
    ...(link === undefined ? {} : { link }),
    ...(type === 'veth' ? { model: type } : {}),
    ...(Number.isInteger(mtu) ? { mtu } : {}),
  };
}

/** `empty` is none: it says that there shall be no other than the loopback. */
export const nicsIn = (config: ZoneConfig): NicFacts[] =>
  entriesIn(config)
    .filter(({ values }) => !['', 'empty', 'none'].includes(values.get('type') ?? ''))
    .map(nicOf);

/** Names of links inside, as the configuration gives them. */
const namesIn = (config: ZoneConfig): string[] => entriesIn(config).flatMap(({ values }) => values.get('name') ?? []);

/** The first of eth0, eth1, … that is free. */
export function freeName(config: ZoneConfig, taken: readonly string[]): string {
  const all = new Set([...namesIn(config), ...taken]);
  for (let number = 0; ; number++) if (!all.has(`eth${number}`)) return `eth${number}`;
}

const entryOf = (config: ZoneConfig, mac: Mac): Entry | undefined =>
  entriesIn(config).find((entry) => nicOf(entry).mac === mac);

/** The name inside of the interface of that MAC. */
export const nameOfMac = (config: ZoneConfig, mac: Mac): string | undefined => entryOf(config, mac)?.values.get('name');

export const isAsWanted = (nic: NicFacts, wanted: NicWanted): boolean =>
  nic.kind === 'bridge' && nic.source === wanted.bridge && nic.link === wanted.link && nic.mtu === wanted.mtu;

/** The configuration with this interface in the place of all others of its MAC. */
export function withNic(config: ZoneConfig, wanted: NicWanted, name: string): ZoneConfig {
  const present = entryOf(config, wanted.mac);
  if (present && isAsWanted(nicOf(present), wanted)) return config;
  const number = present?.number ?? Math.max(-1, ...entriesIn(config).map((entry) => entry.number)) + 1;
  const key = `lxc.net.${number}`;
  const lines = [
    `${key}.type = veth`,
    `${key}.link = ${wanted.bridge}`,
    `${key}.veth.pair = ${wanted.link}`,
    `${key}.hwaddr = ${wanted.mac}`,
    `${key}.mtu = ${wanted.mtu}`,
    `${key}.name = ${name}`,
    `${key}.flags = up`,
  ];
  const place = config.findIndex((line) => numberOf(line) === number);
  const others = withoutNic(config, wanted.mac);
  return place < 0 ? [...others, ...lines] : others.toSpliced(Math.min(place, others.length), 0, ...lines);
}

export function withoutNic(config: ZoneConfig, mac: Mac): ZoneConfig {
  const numbers = new Set(
    entriesIn(config)
      .filter((entry) => nicOf(entry).mac === mac)
      .map(({ number }) => number),
  );
  return config.filter((line) => {
    const number = numberOf(line);
    return number === undefined || !numbers.has(number);
  });
}

/** MACs of veths, and the names that the configuration gives their ends on the host. */
export const macsIn = (config: ZoneConfig): { mac: Mac; link?: string }[] =>
  nicsIn(config).flatMap(({ mac, link }) => (mac === '' ? [] : [{ mac, ...(link === undefined ? {} : { link }) }]));

/** The configuration with another MAC for that one. */
export const withOwnMac = (config: ZoneConfig, mac: Mac, own: Mac): ZoneConfig => {
  const number = entryOf(config, mac)?.number;
  return config.map((line) =>
    settingIn(line)?.key === `lxc.net.${number}.hwaddr` ? `lxc.net.${number}.hwaddr = ${own}` : line,
  );
};

/** What an interface has that no second one may: its addresses, and the name of its end on the host. A way out without an address LXC refuses. */
const SINGLE = /^lxc\.net\.\d+\.(?:veth\.pair$|ipv4\.|ipv6\.)/;
export const withoutSingle = (config: ZoneConfig): ZoneConfig =>
  config.filter((line) => !SINGLE.test(settingIn(line)?.key ?? ''));
