import type { DriverGuest, DriverHost } from '#agent/drivers/driver.ts';
import { cpusOf, mibOf } from './amounts.ts';
import { brandIn } from './brands.ts';
import type { Entry } from './ledger.ts';
import { stateOf } from './states.ts';
import { attributeOf, resourcesOf, settingOf, type ZoneConfig } from './zone-config.ts';
import type { Zone } from './zone-list.ts';

/** What bhyve(7) gives a machine where the configuration says nothing. */
const MACHINE = { vcpus: 1, memoryMiB: 1024 };
/** The attribute that says to people what a zone is for. */
export const TITLE = 'comment';

/** A zone as a guest. A zone without caps has all of its host. */
export function guestOf(
  zone: Zone,
  config: ZoneConfig,
  host: Pick<DriverHost, 'cpus' | 'memoryMiB'>,
  booted?: Entry['booted'],
): DriverGuest {
  const state = stateOf(zone.state);
  const title = attributeOf(config, TITLE);
  return {
    id: zone.id,
    driver: 'zones',
    name: zone.name,
    ...state,
    ...(booted && state.state !== 'shutoff' ? booted : limitsOf(config, host)),
    autostart: config.properties.get('autoboot') === 'true',
    persistent: true,
    ...(title ? { title: titleOf(title) } : {}),
  };
}

/** What it may use of its host, as its configuration has it. @throws Failure host-output */
export function limitsOf(
  config: ZoneConfig,
  host: Pick<DriverHost, 'cpus' | 'memoryMiB'>,
): { vcpus: number; memoryMiB: number } {
  if (brandIn(config).limits === 'attributes') {
    const vcpus = attributeOf(config, 'vcpus');
    const ram = attributeOf(config, 'ram');
    return {
      // Also as cpus=4,sockets=2 and the like.
      vcpus: vcpus === undefined ? MACHINE.vcpus : cpusOf(/\d+/.exec(vcpus)?.[0] ?? vcpus),
      memoryMiB: ram === undefined ? MACHINE.memoryMiB : mibOf(/^\d+$/.test(ram) ? `${ram}M` : ram),
    };
  }
  const ofResource = (kind: string, name: string): string | undefined =>
    resourcesOf(config, kind)
      .map((each) => settingOf(each, name))
      .find((value) => value !== undefined);
  const cpus = ofResource('capped-cpu', 'ncpus') ?? ofResource('dedicated-cpu', 'ncpus') ?? cpuCapOf(config);
  const memory = ofResource('capped-memory', 'physical');
  return {
    vcpus: cpus === undefined ? host.cpus : cpusOf(cpus),
    memoryMiB: memory === undefined ? host.memoryMiB : mibOf(memory),
  };
}

/** The same cap as a resource control, in percent of one CPU. */
function cpuCapOf(config: ZoneConfig): string | undefined {
  const cap = resourcesOf(config, 'rctl').find((each) => settingOf(each, 'name') === 'zone.cpu-cap');
  const [, percent] = /\blimit=(\d+)/.exec((cap && settingOf(cap, 'value')) ?? '') ?? [];
  return percent === undefined ? undefined : String(Number(percent) / 100);
}

/** A title as an attribute can hold it: what zonecfg could not, is written as in a URL. */
export const titleText = (title: string): string =>
  title.replace(/[^ -~]+|["%]/gu, (part) => encodeURIComponent(part).replace(/^"$/, '%22'));

const titleOf = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // somebody else wrote it
  }
};
