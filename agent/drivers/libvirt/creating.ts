import { randomUUID } from 'node:crypto';
import type { DriverGuest, GuestId, HypervisorDriver, Work } from '#agent/drivers/driver.ts';
import { chainProblem } from '#agent/images/chain.ts';
import { type Image, imageIn } from '#agent/images/folder.ts';
import { Failure } from '#shared/errors.ts';
import { GuestForm, type GuestRecipe } from '#shared/model/guest.ts';
import { storeDefinition } from './defining.ts';
import { parseDefinition } from './definition.ts';
import { type NewDisks, newDisks } from './disk-files.ts';
import type { Ground } from './ground.ts';
import { listNames, readGuest } from './reading.ts';

/** Where the driver finds images, and where it puts disks. */
export interface MakingPlace {
  imageFolder: string;
  diskFolder: string;
  definitionOf: HypervisorDriver['definitionOf'];
}

/** Make a guest with a copy of a disk image, by the short form. The definition comes last: before it there is no guest. */
export async function createGuest(
  ground: Ground,
  { imageFolder, diskFolder, definitionOf }: MakingPlace,
  recipe: GuestRecipe,
  { signal, progress }: Work,
): Promise<DriverGuest> {
  signal.throwIfAborted();
  const image = await imageIn(imageFolder, recipe.image, ground.host);
  const sizeMiB = sizeIn(recipe.options);
  const format = formatOf(image);
  const problem = await chainProblem({ file: image.path, format }, imageFolder);
  if (problem !== undefined) throw new Failure('image-unfit', { driver: 'libvirt', image: image.name, problem });
  await requireFree(ground, recipe.name, signal);
  const id = randomUUID();
  const disks = newDisks(ground, diskFolder, { name: recipe.name, id }, signal);
  try {
    progress(`copying ${image.name}`);
    const file = await disks.copy({ file: image.path, format }, { device: 'vda', format: 'qcow2' });
    if (sizeMiB !== undefined) await disks.resize(file, sizeMiB);
    const { name, vcpus, memoryMiB, nics, title } = recipe;
    const form = GuestForm.parse({ name, vcpus, memoryMiB, nics, title, disks: [`${file},format=qcow2`] });
    await storeDefinition(ground, parseDefinition(definitionOf(form)).withUuid(id), signal);
  } catch (error) {
    await unmake(ground, id, disks);
    throw error;
  }
  return readGuest(ground, id, signal);
}

const UNMAKE_MS_MAX = 30_000;

/**
 * What was begun of a guest is removed. Where its definition was called off, libvirt may have taken it all the same: then that goes first, and
 * disks of which nobody knows whether a guest has them stay.
 */
export async function unmake(ground: Ground, id: GuestId, disks: NewDisks): Promise<void> {
  const signal = AbortSignal.timeout(UNMAKE_MS_MAX);
  try {
    const isThere = (await listNames(ground, signal)).some((guest) => guest.id === id);
    if (isThere) await ground.virsh.slow(['undefine', ...ground.hypervisor.undefineFlags, id], signal);
  } catch (error) {
    ground.log.warn({ id, err: error }, 'a guest that came to nothing may be there; its disks stay');
    return;
  }
  await disks.undo();
}

/** @throws Failure guest-exists */
export async function requireFree(ground: Ground, name: string, signal: AbortSignal): Promise<void> {
  const taken = (await listNames(ground, signal)).some((guest) => guest.name === name);
  if (taken) throw new Failure('guest-exists', { guest: name, host: ground.host });
}

/** @throws Failure image-unfit */
function formatOf({ name, kind }: Image): 'qcow2' | 'raw' {
  if (kind === 'qcow2' || kind === 'raw') return kind;
  const problem = `it is of kind ${kind}, and a virtual machine needs a disk: qcow2 or raw`;
  throw new Failure('image-unfit', { driver: 'libvirt', image: name, problem });
}

/** `diskMiB`, the one option that there is. @throws Failure guest-definition */
function sizeIn({ diskMiB, ...others }: Readonly<Record<string, string>>): number | undefined {
  const [unknown] = Object.keys(others);
  if (unknown !== undefined)
    throw new Failure('guest-definition', { problem: `there is no option ${unknown}; there is diskMiB` });
  if (diskMiB === undefined) return undefined;
  if (!/^[1-9]\d{0,7}$/.test(diskMiB))
    throw new Failure('guest-definition', { problem: `diskMiB is a number of MiB, not ${diskMiB}` });
  return Number(diskMiB);
}
