import { createHash } from 'node:crypto';
import { z } from 'zod';
import { illumosLink, overOf, sharedVnicOf } from '#agent/illumos/link-names.ts';
import { Failure } from '#shared/errors.ts';
import { Address, Interface, Mac } from '#shared/model/address.ts';
import type { GuestForm } from '#shared/model/guest.ts';
import { bridgeOf, LinkName } from '#shared/model/network.ts';
import { type Brand, brandOf, IMAGE, KIND, SSH_KEY, VOLUME } from './brands.ts';
import { TITLE, titleText } from './guest-facts.ts';
import { exclusiveNet, sharedNet, vnicAttribute, type ZoneVnic } from './vnics.ts';
import { attribute, configText, type Resource, readOnly, resource, type ZoneConfig } from './zone-config.ts';

/** What a zone is to be. */
export interface ZoneForm {
  name: string;
  vcpus: number;
  memoryMiB: number;
  title?: string | undefined;
  brand: string;
  nics: readonly string[];
  /** Of a machine: `POOL/NAME,SIZE` is made; `POOL/NAME` is there already. */
  disks: readonly string[];
  /** Path of the image that it is made of. */
  image?: string | undefined;
  /** Path of an ISO image that a machine has in its drive. */
  cdrom?: string | undefined;
  sshKey?: string | undefined;
  resolvers?: readonly string[] | undefined;
  /** Attributes of the brand's own, as bhyve(7) has them. */
  attributes?: Readonly<Record<string, string>> | undefined;
}

const NIC_HELP =
  'bridge=NAME[,mac=MAC][,ip=ADDRESS/LENGTH][,gateway=ADDRESS][,target=LINK][,mtu=BYTES], or shared=NAME,ip=ADDRESS/LENGTH[,gateway=ADDRESS]';
const Nic = z
  .strictObject({
    bridge: LinkName.optional(),
    shared: LinkName.optional(),
    mac: Mac.optional(),
    ip: Interface.optional(),
    gateway: Address.optional(),
    target: LinkName.optional(),
    model: z.literal('vnic').optional(),
    mtu: z.coerce.number().int().min(576).max(65_535).default(1500),
  })
  .refine(
    ({ bridge, shared }) => (bridge === undefined) !== (shared === undefined),
    'say bridge or shared, and one of them',
  )
  .refine(({ shared, ip }) => shared === undefined || ip !== undefined, 'a shared link needs ip');
type Nic = z.infer<typeof Nic>;

/** The definition that the short form of guests means: of a zone with a sparse root. @throws Failure guest-definition */
export function definitionOf(form: GuestForm, places: Places): string {
  const unfit = (['kernel', 'ramdisk', 'cmdline'] as const).find((key) => form[key] !== undefined);
  if (unfit) throw new Failure('guest-definition', { problem: `a zone has no ${unfit} of its own` });
  return definitionText(form.name, configOf({ ...form, brand: form.disks.length > 0 ? 'bhyve' : 'sparse' }, places));
}

/** A configuration with its zone's name in it. */
export const definitionText = (name: string, config: ZoneConfig): string =>
  configText({ ...config, properties: new Map([['zonename', name], ...config.properties]) });

/** The configuration that a form means. @throws Failure guest-definition */
export function configOf(form: ZoneForm, { zonesFolder, packageCache }: Places): ZoneConfig {
  const brand = brandOf(form.brand);
  const nics = form.nics.map(parseNic);
  const isShared = nics.some(({ shared }) => shared !== undefined);
  if (isShared && nics.some(({ bridge }) => bridge !== undefined))
    throw new Failure('guest-definition', {
      problem: 'a zone has links of its own, or shares those of its host, and not both',
    });
  return {
    create: [...brand.create],
    properties: new Map([
      ['zonepath', `${zonesFolder}/${form.name}`],
      ...(brand.create[0] === '-b' ? ([['brand', brand.listed[0] ?? brand.word]] as const) : []),
      ['autoboot', 'false'],
      ['ip-type', isShared ? 'shared' : 'exclusive'],
    ]),
    resources: [
      ...nics.flatMap((nic, at) => netsOf(nic, form.name, at)),
      ...(brand.seesCache ? [readOnly('/var/zap/global-cache', packageCache)] : []),
      ...limits(brand, form),
      ...(form.title ? [attribute(TITLE, titleText(form.title))] : []),
      attribute(KIND, brand.word),
      ...(form.image === undefined ? [] : [attribute(IMAGE, form.image)]),
      ...attributesOf(brand, form),
      ...(form.cdrom === undefined ? [] : cdromOf(form.cdrom)),
      ...(brand.limits === 'attributes' ? disksOf(form.disks) : noDisks(brand, form.disks)),
    ],
  };
}

/** Folders of a host that zones are made with. */
export interface Places {
  /** Where zones have their roots. */
  zonesFolder: string;
  /** Packages that the host has fetched with zap, for its zones to read. */
  packageCache: string;
}

const cdromOf = (path: string): Resource[] => [readOnly(path, path), attribute('cdrom', path)];

/** What a zone may use, as its brand is told. */
export const limits = (brand: Brand, { vcpus, memoryMiB }: { vcpus: number; memoryMiB: number }): Resource[] =>
  brand.limits === 'attributes'
    ? [attribute('vcpus', String(vcpus)), attribute('ram', `${memoryMiB}M`)]
    : [resource('capped-memory', { physical: `${memoryMiB}M` }), resource('capped-cpu', { ncpus: String(vcpus) })];

function attributesOf(brand: Brand, { sshKey, resolvers = [], attributes = {} }: ZoneForm): Resource[] {
  const isTold = brand.limits === 'attributes' && (sshKey !== undefined || attributes['cloud-init'] === 'on');
  const all = {
    ...brand.attributes,
    ...(isTold ? { 'cloud-init': 'on' } : {}),
    ...(isTold && resolvers.length > 0 ? { resolvers: resolvers.join(',') } : {}),
    ...(sshKey === undefined ? {} : { sshkey: '/sshkey.pub', [SSH_KEY]: sshKey }),
    ...attributes,
  };
  return Object.entries(all).map(([name, value]) => attribute(name, value));
}

/** The first is the one that it boots from; each is a ZFS volume. */
function disksOf(disks: readonly string[]): Resource[] {
  return disks.flatMap((text, at) => {
    const [, volume, size] = /^([A-Za-z][A-Za-z0-9_.:-]*(?:\/[A-Za-z0-9_.:-]+)+)(?:,(\d+[KMGT]?))?$/.exec(text) ?? [];
    if (volume === undefined)
      throw unreadable('disk', text, 'POOL/NAME of a volume that is there, or POOL/NAME,SIZE of one to be made');
    return [
      resource('device', { match: `/dev/zvol/rdsk/${volume}` }),
      attribute(at === 0 ? 'bootdisk' : `disk${at - 1}`, volume),
      ...(size === undefined ? [] : [attribute(`${VOLUME}${at}`, `${volume},${size}`)]),
    ];
  });
}

function noDisks(brand: Brand, disks: readonly string[]): [] {
  if (disks.length > 0)
    throw new Failure('guest-definition', {
      problem: `a zone of the brand ${brand.word} has its root in the host's file system, and no disks`,
    });
  return [];
}

const unreadable = (what: string, text: string, help: string): Failure =>
  new Failure('guest-definition', { problem: `the ${what} ${JSON.stringify(text)} is not understood: write ${help}` });

/** @throws Failure guest-definition */
export function parseNic(text: string): Nic {
  const pairs = text.split(',').map((part) => part.split(/=(.*)/s).slice(0, 2));
  const parsed = Nic.safeParse(Object.fromEntries(pairs));
  if (parsed.success && new Set(pairs.map(([key]) => key)).size === pairs.length) return parsed.data;
  throw unreadable('nic', text, NIC_HELP);
}

function netsOf({ bridge, shared, mac, ip, gateway, target, mtu }: Nic, zone: string, at: number): Resource[] {
  if (shared !== undefined) return [sharedNet({ physical: sharedLink(shared), address: ip ?? '', ...given(gateway) })];
  const own = mac ?? ownMac(zone, at);
  const vnic: ZoneVnic = { link: illumosLink(target ?? ownLinkOf(own)), over: overOf(bridge ?? ''), mac: own, mtu };
  return [
    exclusiveNet({ physical: vnic.link, ...(ip === undefined ? {} : { address: ip }), ...given(gateway) }),
    vnicAttribute(vnic),
  ];
}

const given = (gateway: string | undefined): { gateway?: string } => (gateway === undefined ? {} : { gateway });

/** Of a network of ours, the vnic that all shared-ip zones have; else a link of the host as it is. */
const sharedLink = (name: string): string =>
  name.startsWith(bridgeOf('')) ? sharedVnicOf(name.slice(bridgeOf('').length)) : name;

/** A vnic that central gave has another name: it is known by that in a clone. */
export const ownLinkOf = (mac: Mac): string => `zn${mac.replaceAll(':', '')}`;

/** The same each time it is asked for: a zone that is made again has the addresses that it had. Locally administered (IEEE 802). */
export function ownMac(zone: string, at: number): Mac {
  const hex = createHash('sha256').update(`${zone} ${at}`).digest('hex').slice(0, 10);
  return `02:${hex.match(/../g)?.join(':')}`;
}
