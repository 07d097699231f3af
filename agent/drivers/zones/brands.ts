import { Failure } from '#shared/errors.ts';
import type { ZoneConfig } from './zone-config.ts';
import { attributeOf } from './zone-config.ts';

/** What a kind of zone is, and what it takes. */
export interface Brand {
  /** As people write it. */
  word: string;
  /** What `create` of zonecfg is told: the template that the system has for it, or a blank one. */
  create: readonly string[];
  /** Names that zoneadm lists it by, of the systems that have it. */
  listed: readonly string[];
  ipTypes: readonly ('exclusive' | 'shared')[];
  /** How `zoneadm install` is told of the image; undefined where it takes none. */
  image: string | undefined;
  install: readonly string[];
  /** Whether CPUs and memory are caps of the zone, or attributes that it is booted with. */
  limits: 'caps' | 'attributes';
  /** Whether its addresses are told it in files of its root, as `/etc/hostname.LINK`; else it finds them in its configuration. */
  files: 'solaris' | 'none';
  sysidcfg: boolean;
  /** Whether programs run in it as they do in a zone; in another one runs a whole machine. */
  runsPrograms: boolean;
  /** Attributes that each has. */
  attributes: Readonly<Record<string, string>>;
  /** Whether it sees the package cache of the host. */
  seesCache: boolean;
}

const ZONE = {
  ipTypes: ['exclusive', 'shared'],
  image: undefined,
  install: [],
  limits: 'caps',
  files: 'solaris',
  sysidcfg: false,
  runsPrograms: true,
  attributes: {},
  seesCache: false,
} as const satisfies Partial<Brand>;

/** One row a brand. Source: zap's create-zone, brands(7), bhyve(7) */
export const BRANDS: readonly Brand[] = [
  { ...ZONE, word: 'sparse', create: ['-t', 'TRIBsparse'], listed: ['TRIBsparse', 'sparse-root'], seesCache: true },
  { ...ZONE, word: 'whole', create: ['-t', 'TRIBwhole'], listed: ['TRIBwhole', 'whole-root'], seesCache: true },
  {
    ...ZONE,
    word: 'router',
    create: ['-t', 'TRIBwhole'],
    listed: [],
    ipTypes: ['exclusive'],
    install: ['-o', 'base', '-P', 'TRIBnet-ipfilter', '-P', 'TRIBdnsmasq'],
    seesCache: true,
  },
  { ...ZONE, word: 'appstack', create: ['-t', 'TRIBappstack'], listed: ['TRIBappstack', 'appstack'] },
  { ...ZONE, word: 'alien', create: ['-t', 'TRIBalien'], listed: ['TRIBalien', 'alien-root'], image: '-i' },
  {
    ...ZONE,
    word: 's10',
    create: ['-t', 'SUNWsolaris10'],
    listed: ['SUNWsolaris10', 'solaris10'],
    image: '-a',
    install: ['-u'],
    sysidcfg: true,
  },
  {
    ...ZONE,
    word: 'lx',
    create: ['-t', 'SUNWlx'],
    listed: ['SUNWlx', 'lx'],
    ipTypes: ['exclusive'],
    image: '-t',
    files: 'none',
    attributes: { 'kernel-version': '4.4.15' },
  },
  {
    ...ZONE,
    word: 'bhyve',
    create: ['-b'],
    listed: ['bhyve'],
    ipTypes: ['exclusive'],
    limits: 'attributes',
    files: 'none',
    runsPrograms: false,
    attributes: { bootrom: 'BHYVE_RELEASE', vnc: 'on', acpi: 'off' },
  },
];

/** Of a brand that we know nothing of. */
const OTHER: Brand = { ...ZONE, word: 'other', create: ['-b'], listed: [], files: 'none' };

/** The row that people mean. `router` is none of theirs. @throws Failure guest-definition */
export function brandOf(word: string): Brand {
  const brand = BRANDS.find((each) => each.word === word && word !== 'router');
  if (brand) return brand;
  const words = BRANDS.map((each) => each.word).filter((each) => each !== 'router');
  throw new Failure('guest-definition', { problem: `there is no brand ${word}; there are ${words.join(', ')}` });
}

/** The row of a zone that is there, or is to be: by what we wrote into its configuration, else by its brand. */
export function brandIn(config: ZoneConfig): Brand {
  const named = attributeOf(config, KIND);
  const listed = config.properties.get('brand') ?? config.create.at(1);
  return (
    BRANDS.find((each) => each.word === named) ??
    BRANDS.find((each) => listed !== undefined && each.listed.includes(listed)) ??
    OTHER
  );
}

/** Attributes of ours. A zone's configuration so tells all that a zone like it would be made of. */
export const KIND = 'skerry.kind';
export const IMAGE = 'skerry.image';
/** `skerry.vnic.LINK`: what the vnic of that name is. */
export const VNIC = 'skerry.vnic.';
/** `skerry.volume.N`: a ZFS volume that is made for it, and how large. */
export const VOLUME = 'skerry.volume.';
/** A public key that may log in, for a machine that looks for it at its first boot. */
export const SSH_KEY = 'skerry.sshkey';
/** The network driver's router that a zone is: it is no guest. */
export const ROUTER = 'skerry.router';
