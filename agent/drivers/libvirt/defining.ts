import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DriverGuest, GuestChange, GuestChanged, GuestId } from '#agent/drivers/driver.ts';
import { Failure } from '#shared/errors.ts';
import { isActive } from '#shared/model/guest.ts';
import { limitTo } from './cpu-quota.ts';
import { type Definition, parseDefinition } from './definition.ts';
import { checkedId, failedWith, type Ground } from './ground.ts';
import { act } from './power.ts';
import { listNames, missing, readGuest } from './reading.ts';

/** Define a guest, or change the definition of one, which stays the same guest. */
export async function defineGuest(
  ground: Ground,
  text: string,
  replace: boolean,
  signal: AbortSignal,
): Promise<DriverGuest> {
  const wanted = parseDefinition(text);
  const guests = await listNames(ground, signal);
  const namesake = guests.find(({ name }) => name === wanted.name);
  const twin = guests.find(({ id }) => id === wanted.uuid);
  const taken = namesake ?? twin;
  if (taken && !replace) throw new Failure('guest-exists', { guest: taken.name, host: ground.host });
  if (twin && !namesake) {
    throw new Failure('guest-definition', {
      problem: `its <uuid> is that of the guest ${twin.name}; a guest keeps its name`,
    });
  }
  const id = namesake?.id ?? wanted.uuid ?? randomUUID();
  await ground.inTurn(id, () => storeDefinition(ground, wanted.withUuid(id), signal));
  return readGuest(ground, id, signal);
}

/** By a file that only we can read: a definition may hold passwords, and a line of virsh would not hold it. */
export async function storeDefinition(ground: Ground, definition: Definition, signal: AbortSignal): Promise<void> {
  try {
    await withFile(ground, 'domain.xml', definition.toString(), (file) => ground.virsh.slow(['define', file], signal));
  } catch (error) {
    if (failedWith(error, 'guest-exists')) {
      throw new Failure('guest-exists', { guest: definition.name, host: ground.host }, { cause: error });
    }
    // what libvirt refuses here it refuses because of what the definition says
    if (failedWith(error, 'host-command')) {
      throw new Failure('guest-definition', { problem: definePart(String(error.details.problem)) }, { cause: error });
    }
    throw failedWith(error, 'guest-definition')
      ? new Failure('guest-definition', { problem: definePart(String(error.details.problem)) }, { cause: error })
      : error;
  }
}

/** By a file that only we can read: a definition may hold passwords, and a line of virsh would not hold it. */
export async function withFile(
  ground: Ground,
  name: string,
  text: string,
  use: (file: string) => Promise<unknown>,
): Promise<void> {
  const folder = await mkdtemp(join(ground.stateFolder, FOLDER));
  try {
    const file = join(folder, name);
    await writeFile(file, text, { mode: 0o600 });
    await use(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What an agent left that was killed in the middle of it: a definition may hold passwords. */
export async function removeFiles(stateFolder: string): Promise<void> {
  const left = (await readdir(stateFolder)).filter((name) => name.startsWith(FOLDER));
  await Promise.all(left.map((name) => rm(join(stateFolder, name), { recursive: true, force: true })));
}

const FOLDER = 'define-';
const definePart = (problem: string): string => problem.replace(/^Failed to define domain from \S+: /, '');

/** The definition from the next start on, without the secrets in it. */
export async function readDefinition(ground: Ground, id: GuestId, signal: AbortSignal): Promise<string> {
  return dumpxml(ground, id, ['--inactive'], signal);
}

export async function dumpxml(
  ground: Ground,
  id: GuestId,
  flags: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  checkedId(ground, id);
  try {
    return await ground.virsh.read(['dumpxml', ...flags, id], signal);
  } catch (error) {
    throw failedWith(error, 'guest-not-found') ? missing(ground, id) : error;
  }
}

/** Remove a guest that is off, with what hangs on its definition; its disks stay. */
export async function deleteGuest(ground: Ground, id: GuestId, signal: AbortSignal): Promise<void> {
  const guest = await readGuest(ground, id, signal);
  const need = { verb: 'guest.delete', needed: 'shutoff' };
  // libvirt would take the definition of a running guest, and leave the guest to run on
  if (isActive(guest.state)) {
    throw new Failure('guest-wrong-state', { guest: guest.name, state: guest.state, ...need });
  }
  await act(ground, id, need, ['undefine', ...ground.hypervisor.undefineFlags, id], signal);
}

export async function setAutostart(ground: Ground, id: GuestId, enabled: boolean, signal: AbortSignal): Promise<void> {
  const words = ['autostart', ...(enabled ? [] : ['--disable']), id];
  await act(ground, id, { verb: 'guest.autostart', needed: 'persistent' }, words, signal);
}

/**
 * Change what a guest's definition says; nothing happens where it says so already, or where there is none that outlives the guest.
 *
 * One after the other: who reads while another writes would take back what that one wrote.
 */
export async function changeDefinition(
  ground: Ground,
  { id, persistent }: DriverGuest,
  edit: (definition: Definition) => Definition,
  signal: AbortSignal,
): Promise<void> {
  if (!persistent) return;
  await ground.inTurn(id, async () => {
    const definition = parseDefinition(await dumpxml(ground, id, ['--inactive', '--security-info'], signal));
    const edited = edit(definition);
    if (edited.toString() !== definition.edited(() => {}).toString()) await storeDefinition(ground, edited, signal);
  });
}

/**
 * Change settings: in the definition, all at once; and in the guest that runs, each where it can be.
 *
 * A guest without a definition that outlives it has only what runs: what that cannot take is a failure.
 */
export async function setGuest(
  ground: Ground,
  id: GuestId,
  change: GuestChange,
  signal: AbortSignal,
): Promise<GuestChanged[]> {
  const guest = await readGuest(ground, id, signal);
  const settings = (['vcpus', 'memoryMiB', 'title'] as const).filter((key) => change[key] !== undefined);
  if (settings.length === 0) return [];
  await changeDefinition(ground, guest, (definition) => changedBy(change, definition, ground), signal);
  const changed: GuestChanged[] = [];
  for (const setting of settings) {
    const live = !isActive(guest.state) || (await setLive(ground, guest, setting, change, signal));
    changed.push({ setting, value: String(change[setting]), holds: live ? 'now' : 'from the next start' });
  }
  return changed;
}

function changedBy(change: GuestChange, definition: Definition, { hypervisor }: Ground): Definition {
  const { vcpus } = change;
  const changed = definition.with(change);
  return hypervisor.limitsByQuota && vcpus !== undefined
    ? changed.edited((document) => limitTo(document, vcpus))
    : changed;
}

/** Whether the guest that runs took it. */
async function setLive(
  ground: Ground,
  guest: DriverGuest,
  setting: keyof GuestChange,
  change: GuestChange,
  signal: AbortSignal,
): Promise<boolean> {
  const words = ground.hypervisor.live[setting];
  if (!words && guest.persistent) return false;
  if (!words) throw new Failure('host-command', { problem: `${setting} of a guest that runs cannot be changed here` });
  try {
    await ground.virsh.slow(words(guest.id, change), signal);
    return true;
  } catch (error) {
    if (!guest.persistent || !failedWith(error, 'host-command', 'guest-definition', 'guest-wrong-state')) throw error;
    ground.log.info({ guest: guest.name, setting, err: error }, 'the running guest did not take the change');
    return false;
  }
}
