import { isDeepStrictEqual } from 'node:util';
import { Failure } from '#shared/errors.ts';
import { type Resource, resourceLines, resourcesOf, settingOf, written, type ZoneConfig } from './zone-config.ts';

/** What a zone keeps as long as it is there. */
const KEPT = ['zonepath', 'brand'];

/**
 * Subcommands of zonecfg that make one configuration of another; none where they say the same.
 *
 * Of a kind of resource of which anything differs, all are removed and added anew: zonecfg tells resources apart by their values, and two may
 * have the same.
 * @throws Failure guest-definition for what a zone keeps
 */
export function changeLines(from: ZoneConfig, to: ZoneConfig): string[] {
  for (const name of KEPT)
    if (from.properties.get(name) !== to.properties.get(name))
      throw new Failure('guest-definition', {
        problem: `a zone keeps its ${name}, which is ${from.properties.get(name) ?? 'none'}`,
      });
  const kinds = [...new Set([...from.resources, ...to.resources].map(({ kind }) => kind))];
  const differing = kinds.filter((kind) => !isDeepStrictEqual(resourcesOf(from, kind), resourcesOf(to, kind)));
  const changed = differing.filter((kind) => kind !== MEMORY);
  const lines = [
    ...changed.filter((kind) => resourcesOf(from, kind).length > 0).map((kind) => `remove -F ${kind}`),
    ...(differing.includes(MEMORY)
      ? memoryLines(changed.includes('rctl') ? withOnly(from, 'rctl', []) : from, to)
      : []),
    ...[...from.properties.keys()].filter((name) => !to.properties.has(name)).map((name) => `clear ${name}`),
    ...[...to.properties]
      .filter(([name, value]) => from.properties.get(name) !== value)
      .map(([name, value]) => `set ${name}=${written(value)}`),
    ...changed.flatMap((kind) => resourcesOf(to, kind).flatMap(resourceLines)),
  ];
  return lines.length === 0 ? [] : [...lines, 'verify', 'commit'];
}

const MEMORY = 'capped-memory';
/** Caps that zonecfg takes away with that of memory, and with which it lets none be added. */
const BESIDE_MEMORY = ['zone.max-swap', 'zone.max-locked-memory'];

/** Lines that change the cap of memory alone. Source: zonecfg(8), `capped-memory` */
function memoryLines(from: ZoneConfig, to: ZoneConfig): string[] {
  const [was] = resourcesOf(from, MEMORY);
  const [will] = resourcesOf(to, MEMORY);
  const isBeside = resourcesOf(from, 'rctl').some((each) => BESIDE_MEMORY.includes(settingOf(each, 'name') ?? ''));
  if (!will) return isBeside ? [`select ${MEMORY}`, 'clear physical', 'end'] : [`remove -F ${MEMORY}`];
  const [, ...settings] = resourceLines(will);
  return was || isBeside ? [`select ${MEMORY}`, ...settings] : resourceLines(will);
}

/** A configuration in which what is of this kind is this alone. */
export const withOnly = (config: ZoneConfig, kind: string, resources: readonly Resource[]): ZoneConfig =>
  replaced(config, (each) => each.kind === kind, resources);

/** A configuration in which these stand in the place of those; where there were none, at the end. */
export function replaced(
  config: ZoneConfig,
  goes: (resource: Resource) => boolean,
  resources: readonly Resource[],
): ZoneConfig {
  const at = config.resources.findIndex(goes);
  const place = at === -1 ? config.resources.length : at;
  const rest = (some: readonly Resource[]): Resource[] => some.filter((each) => !goes(each));
  return {
    ...config,
    resources: [...rest(config.resources.slice(0, place)), ...resources, ...rest(config.resources.slice(place))],
  };
}

export const withProperty = (config: ZoneConfig, name: string, value: string): ZoneConfig => ({
  ...config,
  properties: new Map([...config.properties, [name, value]]),
});
