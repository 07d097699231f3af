import { readFile } from 'node:fs/promises';
import { isMissing } from '#agent/files/folder.ts';
import { imageIn } from '#agent/images/folder.ts';
import { Failure } from '#shared/errors.ts';
import type { GuestRecipe } from '#shared/model/guest.ts';
import { BRANDS, type Brand, brandOf } from './brands.ts';
import type { ZoneForm } from './short-form.ts';

/** A machine's options; those that are attributes are as bhyve(7) has them. */
const MACHINE = ['disk', 'iso', 'sshkey', 'resolvers'];
const ATTRIBUTES = ['acpi', 'bootorder', 'bootrom', 'cloud-init', 'hostbridge', 'netif', 'rng', 'vnc', 'xhci'];

/**
 * What a recipe means. A brand that is made of nothing but its host has its own word for its image: `sparse`, `whole`.
 *
 * @throws Failure image-not-found, image-unfit, guest-definition, bad-argument
 */
export async function formOf(
  { options, image, ...rest }: GuestRecipe,
  { folder, host }: { folder: string | undefined; host: string },
): Promise<ZoneForm> {
  const brand = brandFor(image, options.brand);
  requireKnown(brand, options);
  const { disk, iso, sshkey, resolvers } = options;
  const attributes = Object.fromEntries(
    Object.entries(options).filter(([name]) => ATTRIBUTES.includes(name) || Object.hasOwn(brand.attributes, name)),
  );
  return {
    ...rest,
    brand: brand.word,
    disks: disk === undefined ? [] : disk.split(';'),
    ...(brand.image === undefined ? await noImage(brand, image) : { image: await archive(folder, image, host) }),
    ...(iso === undefined ? {} : { cdrom: await archive(folder, iso, host) }),
    ...(sshkey === undefined ? {} : { sshKey: sshkey }),
    resolvers: resolvers?.split(',') ?? (await readResolvers()),
    attributes,
  };
}

const brandFor = (image: string, word: string | undefined): Brand =>
  brandOf(word ?? (BRANDS.some((brand) => brand.word === image) ? image : 'lx'));

function requireKnown(brand: Brand, options: Readonly<Record<string, string>>): void {
  const known = [
    'brand',
    ...(brand.limits === 'attributes' ? [...MACHINE, ...ATTRIBUTES] : Object.keys(brand.attributes)),
  ];
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new Failure('guest-definition', {
      problem: `there is no option ${unknown} of a zone of the brand ${brand.word}; there are ${known.join(', ')}`,
    });
}

async function noImage(brand: Brand, image: string): Promise<object> {
  if (image === brand.word) return {};
  throw new Failure('image-unfit', {
    ...{ driver: 'zones', image },
    problem: `a zone of the brand ${brand.word} is made of no image; its own word stands for that: ${brand.word}`,
  });
}

async function archive(folder: string | undefined, name: string, host: string): Promise<string> {
  if (folder === undefined)
    throw new Failure('image-not-found', { image: name, host, hint: ' The driver was given no folder of images.' });
  const { path, kind } = await imageIn(folder, name, host);
  if (kind === 'folder' || kind === 'qcow2')
    throw new Failure('image-unfit', { driver: 'zones', image: name, problem: `it is a ${kind}; an archive is due` });
  return path;
}

/** Who answers this host's own questions. */
async function readResolvers(): Promise<string[]> {
  const text = await readFile('/etc/resolv.conf', 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return '';
    throw error;
  });
  return [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, address = '']) => address);
}
