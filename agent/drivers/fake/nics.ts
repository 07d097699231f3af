import type { DriverNic } from '#agent/drivers/driver.ts';
import type { Mac } from '#shared/model/address.ts';
import type { NicWanted } from '#shared/model/nic.ts';
import type { FakeGuest } from './guest.ts';
import type { FakeRecord } from './store.ts';
import type { FakeWorld } from './world.ts';

/** What runs, and what the definition has otherwise. Interfaces without a MAC are not told: nobody could say which one is meant. */
export function nicsOf({ definition, live }: FakeRecord): DriverNic[] {
  const defined = definition.nics.filter((text) => macOf(text) !== '');
  if (!live) return defined.map((text) => nicOf(text, 'now'));
  const running = (live.nics ?? definition.nics).filter((text) => macOf(text) !== '');
  return [
    ...running.map((text) => nicOf(text, defined.includes(text) ? 'now' : 'until it stops')),
    ...defined.filter((text) => !running.includes(text)).map((text) => nicOf(text, 'from the next start')),
  ];
}

/** A guest that runs takes another bridge at once, and another link or MTU when it starts, as those of QEMU do. */
export function attachNic(world: FakeWorld, guest: FakeGuest, wanted: NicWanted): DriverNic[] {
  const { record } = guest;
  const text = textOf(wanted);
  record.definition.nics = withNic(record.definition.nics, wanted.mac, text);
  if (record.live) {
    const running = record.live.nics ?? [];
    const present = running.find((one) => macOf(one) === wanted.mac);
    const { target = wanted.link, mtu = String(wanted.mtu) } = present ? optionsOf(present) : {};
    record.live.nics = withNic(running, wanted.mac, textOf({ ...wanted, link: target, mtu: Number(mtu) }));
  }
  world.changed('attach', guest, { what: 'defined', detail: 'Updated' });
  return nicsOf(record)
    .filter(({ mac }) => mac === wanted.mac)
    .map((nic) => (nic.holds === 'now' ? nic : { ...nic, problem: 'the guest that runs keeps its link and MTU' }));
}

export function detachNic(world: FakeWorld, guest: FakeGuest, mac: Mac): DriverNic[] {
  const { record } = guest;
  const without = (nics: readonly string[]) => nics.filter((text) => macOf(text) !== mac);
  record.definition.nics = without(record.definition.nics);
  if (record.live?.nics) record.live.nics = without(record.live.nics);
  world.changed('detach', guest, { what: 'defined', detail: 'Updated' });
  return [];
}

const withNic = (nics: readonly string[], mac: Mac, text: string): string[] =>
  nics.some((one) => macOf(one) === mac) ? nics.map((one) => (macOf(one) === mac ? text : one)) : [...nics, text];

const textOf = ({ mac, bridge, link, mtu }: NicWanted): string =>
  `bridge=${bridge},mac=${mac},model=virtio,target=${link},mtu=${mtu}`;

export const optionsOf = (text: string): Record<string, string> =>
  Object.fromEntries(text.split(',').map((part) => part.split(/=(.*)/s)));
export const macOf = (text: string): string => (optionsOf(text).mac ?? '').toLowerCase();

function nicOf(text: string, holds: DriverNic['holds']): DriverNic {
  const { bridge, network, target, model = 'virtio', mtu } = optionsOf(text);
  return {
    mac: macOf(text),
    kind: bridge === undefined ? 'network' : 'bridge',
    source: bridge ?? network ?? '',
    ...(target === undefined ? {} : { link: target }),
    model,
    ...(mtu === undefined ? {} : { mtu: Number(mtu) }),
    holds,
  };
}
