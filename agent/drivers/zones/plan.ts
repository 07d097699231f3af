import { Failure } from '#shared/errors.ts';
import { type Brand, brandIn, IMAGE, VOLUME } from './brands.ts';
import { replaced } from './config-change.ts';
import { type RootFile, rootFiles } from './root-files.ts';
import { vnicsIn, type ZoneVnic } from './vnics.ts';
import { attributeOf, parseZoneConfig, resourcesOf, settingOf, type ZoneConfig } from './zone-config.ts';

export interface Volume {
  volume: string;
  size: string;
}

/** All that a zone is made of. */
export interface ZonePlan {
  name: string;
  config: ZoneConfig;
  brand: Brand;
  vnics: ZoneVnic[];
  volumes: Volume[];
  /** What `zoneadm install` is told. */
  install: string[];
  /** What is written into its root before it first boots. */
  files: RootFile[];
}

/** Names that zonecfg(8) takes, less those that it keeps to itself. */
export const ZONE_NAME = /^(?!global$|SUNW)[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;
const PATH = /^(?:\/(?!\.\.?(?:\/|$))[A-Za-z0-9_.-]+)+$/;
const VOLUME_VALUE = /^([A-Za-z][A-Za-z0-9_.:-]*(?:\/[A-Za-z0-9_.:-]+)+),(\d+[KMGT]?)$/;

/** The name that a definition has, and all else of it. @throws Failure guest-definition */
export function parseDefinition(text: string): { name: string; config: ZoneConfig } {
  const config = parseZoneConfig(text);
  const name = config.properties.get('zonename') ?? '';
  if (!ZONE_NAME.test(name))
    throw new Failure('guest-definition', {
      problem: `it is to say set zonename=NAME, with a name of 1 to 63 of A-Z a-z 0-9 _ . -${name ? `, not ${JSON.stringify(name)}` : ''}`,
    });
  const properties = new Map(config.properties);
  properties.delete('zonename');
  return { name, config: { ...config, properties } };
}

/** What the zone of a definition is made of. @throws Failure guest-definition */
export function planOf({ name, config }: { name: string; config: ZoneConfig }, zonesFolder: string): ZonePlan {
  const brand = brandIn(config);
  const path = config.properties.get('zonepath') ?? `${zonesFolder}/${name}`;
  if (!PATH.test(path))
    throw new Failure('guest-definition', { problem: `zonepath ${JSON.stringify(path)} is no path of a zone` });
  const placed = { ...config, properties: new Map([...config.properties, ['zonepath', path]]) };
  requireFit(brand, placed);
  const image = attributeOf(placed, IMAGE);
  if (brand.image !== undefined && image === undefined)
    throw new Failure('guest-definition', { problem: `a zone of the brand ${brand.word} is made of an image` });
  return {
    ...{ name, config: placed, brand },
    vnics: vnicsIn(placed),
    volumes: volumesIn(placed),
    install: [...brand.install, ...(brand.image !== undefined && image !== undefined ? [brand.image, image] : [])],
    files: rootFiles(name, brand, placed),
  };
}

function requireFit(brand: Brand, config: ZoneConfig): void {
  const ipType = config.properties.get('ip-type') === 'exclusive' ? 'exclusive' : 'shared';
  const nets = resourcesOf(config, 'net');
  if (nets.length > 0 && !brand.ipTypes.includes(ipType))
    throw new Failure('guest-definition', {
      problem: `a zone of the brand ${brand.word} has links of its own: set ip-type=exclusive`,
    });
  for (const net of nets) {
    const hasAddress = settingOf(net, 'address') !== undefined;
    if (settingOf(net, 'physical') === undefined || hasAddress !== (ipType === 'shared'))
      throw new Failure('guest-definition', {
        problem: `a net of a zone with ip-type ${ipType} has ${ipType === 'shared' ? 'physical and address' : 'physical, and no address; allowed-address holds it to one'}`,
      });
  }
}

function volumesIn(config: ZoneConfig): Volume[] {
  return resourcesOf(config, 'attr')
    .filter((each) => settingOf(each, 'name')?.startsWith(VOLUME))
    .map((each) => {
      const [, volume, size] = VOLUME_VALUE.exec(settingOf(each, 'value') ?? '') ?? [];
      if (volume === undefined || size === undefined)
        throw new Failure('guest-definition', {
          problem: `the attribute ${settingOf(each, 'name')} is to be like rpool/web1_disk0,32G`,
        });
      return { volume, size };
    });
}

/** A zone that is made by copying another one is told of no image. */
export const withoutImage = (config: ZoneConfig): ZoneConfig =>
  replaced(config, (each) => each.kind === 'attr' && settingOf(each, 'name') === IMAGE, []);
