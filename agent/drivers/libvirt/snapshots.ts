import type { DriverGuest, GuestId, Work } from '#agent/drivers/driver.ts';
import { Failure } from '#shared/errors.ts';
import { isActive } from '#shared/model/guest.ts';
import type { Snapshot } from '#shared/model/snapshot.ts';
import { disksIn, isWritten } from './disk-xml.ts';
import { failedWith, type Ground } from './ground.ts';
import { readGuest, readXml } from './reading.ts';
import { parseSnapshot } from './snapshot-xml.ts';

/**
 * Snapshots of libvirt's own, inside the disks: each holds the disks and, of a guest that runs, its memory.
 *
 * Those that others took are listed too; what libvirt cannot do with one (an external one, before libvirt 9.9) it says.
 */
export async function listSnapshots(ground: Ground, id: GuestId, signal: AbortSignal): Promise<Snapshot[]> {
  const { name: guest } = await readGuest(ground, id, signal);
  const [names, current] = await Promise.all([
    ground.virsh.read(['snapshot-list', id, '--name', '--topological'], signal),
    currentOf(ground, id, signal),
  ]);
  const texts = await Promise.all(
    names
      .split('\n')
      .filter((name) => name.trim() !== '')
      .map((name) => ifThere(ground.virsh.read(['snapshot-dumpxml', id, name.trim()], signal))),
  );
  ground.log.debug({ guest, snapshots: texts.length }, 'snapshots were listed');
  return texts
    .flatMap((text) => (text === undefined ? [] : parseSnapshot(text)))
    .map((snapshot) => (snapshot.name === current ? { ...snapshot, current: true } : snapshot))
    .toSorted((a, b) => ((a.takenAt ?? '') < (b.takenAt ?? '') ? -1 : (a.takenAt ?? '') > (b.takenAt ?? '') ? 1 : 0));
}

/** @throws Failure snapshot-exists, snapshot-unfit */
export async function takeSnapshot(
  ground: Ground,
  id: GuestId,
  name: string,
  { signal, progress }: Work,
): Promise<void> {
  const guest = await readGuest(ground, id, signal);
  const known = await listSnapshots(ground, id, signal);
  if (known.some((each) => each.name === name))
    throw new Failure('snapshot-exists', { guest: guest.name, snapshot: name });
  if (ground.hypervisor.snapshots === 'in disks') requireFit(guest, await readXml(ground, id, signal));
  progress(isActive(guest.state) ? 'keeping its disks and its memory' : 'keeping its disks');
  await change(ground, guest, ['snapshot-create-as', id, name], signal);
}

/** @throws Failure snapshot-not-found, snapshot-unfit */
export async function revertSnapshot(ground: Ground, id: GuestId, name: string, { signal }: Work): Promise<void> {
  const guest = await withSnapshot(ground, id, name, signal);
  await change(ground, guest, ['snapshot-revert', id, name], signal);
}

/** @throws Failure snapshot-not-found, snapshot-unfit */
export async function deleteSnapshot(ground: Ground, id: GuestId, name: string, { signal }: Work): Promise<void> {
  const guest = await withSnapshot(ground, id, name, signal);
  await change(ground, guest, ['snapshot-delete', id, name], signal);
}

async function withSnapshot(ground: Ground, id: GuestId, name: string, signal: AbortSignal): Promise<DriverGuest> {
  const guest = await readGuest(ground, id, signal);
  const known = await listSnapshots(ground, id, signal);
  if (known.some((each) => each.name === name)) return guest;
  throw new Failure('snapshot-not-found', { guest: guest.name, snapshot: name });
}

/** What QEMU would refuse half-way, or in words that say nothing. @throws Failure snapshot-unfit */
function requireFit({ name: guest, state }: DriverGuest, xml: string): void {
  const written = disksIn(xml).filter(isWritten);
  const unfit = (problem: string): Failure => new Failure('snapshot-unfit', { guest, problem });
  const wrong = written.find(({ format }) => format !== 'qcow2');
  if (wrong)
    throw unfit(`its disk ${wrong.device} is ${wrong.format}, and snapshots are kept in disks of format qcow2`);
  if (written.length === 0 && isActive(state))
    throw unfit('it runs, and has no disk of format qcow2 to keep its memory in');
}

/** As long as the job: the memory of a large guest takes a while. */
const CHANGE_MS_MAX = 3_600_000;

/** What libvirt refuses here it refuses because of the guest, or of the snapshot. */
async function change(
  ground: Ground,
  guest: DriverGuest,
  words: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  try {
    await ground.virsh.slow(words, signal, CHANGE_MS_MAX);
  } catch (error) {
    if (!failedWith(error, 'host-command', 'guest-definition', 'guest-wrong-state')) throw error;
    const problem = String(error.details.problem ?? error.message);
    if (/No space left/i.test(problem)) throw new Failure('host-space', { problem }, { cause: error });
    throw new Failure('snapshot-unfit', { guest: guest.name, problem }, { cause: error });
  }
}

/** `snapshot-current` fails where there is none. */
async function currentOf(ground: Ground, id: GuestId, signal: AbortSignal): Promise<string | undefined> {
  return (await ifThere(ground.virsh.read(['snapshot-current', id, '--name'], signal)))?.trim();
}

const ifThere = (stdout: Promise<string>): Promise<string | undefined> =>
  stdout.catch((error: unknown) => {
    if (!failedWith(error, 'host-command')) throw error;
    return undefined;
  });
