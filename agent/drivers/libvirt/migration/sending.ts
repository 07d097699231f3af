import { rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import type { DriverGuest, GuestId, Work } from '#agent/drivers/driver.ts';
import type { LeftBehind, Sending } from '#agent/drivers/migration.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import { dumpxml, withFile } from '../defining.ts';
import { parseDefinition } from '../definition.ts';
import { disksIn, putOnFiles, type XmlDisk } from '../disk-xml.ts';
import { failedWith, type Ground } from '../ground.ts';
import { readGuest } from '../reading.ts';
import { parseJobInfo } from './job-info.ts';
import { isMeantToRun } from './offer.ts';
import { type MoveSockets, moveSockets } from './sockets.ts';

/** By device: where the target has made its disk. */
const Told = z.record(z.string(), z.string().startsWith('/'));

/** As long as an agent lets a job take; what ends it earlier is a cancel. */
const MOVE_MS_MAX = 86_400_000;
const LOOK_MS = 1_000;

/**
 * Send a guest: libvirt here tells libvirt there (`--p2p`), by sockets that are channels to it. It arrives paused: libvirt's own word is that it
 * resumes the guest here when it does not hear how the other end fared, and leaves it to others that it does not run at both.
 *
 * Source: https://libvirt.org/migration.html; doPeer2PeerMigrate3 in libvirt's src/qemu/qemu_migration.c
 */
export async function migrateGuest(ground: Ground, id: GuestId, to: Sending, work: Work): Promise<LeftBehind> {
  const guest = await readGuest(ground, id, work.signal);
  const files = new Map(Object.entries(Told.parse(JSON.parse(to.told))));
  await calledOff(ground, id);
  const copied = await disksOf(ground, id, files, work.signal);
  const sockets = await moveSockets(ground, guest.name, 'another host');
  try {
    await sockets.serve(to);
    await migrated(ground, guest, { files, sockets, work });
  } catch (error) {
    const signal = AbortSignal.timeout(HERE_MS_MAX);
    if (await isHere(ground, id, () => isMeantToRun(guest), signal)) throw failed(guest, error, work.signal);
    ground.log.warn({ guest: guest.name, err: error }, 'libvirt says that a guest did not move, and has it no more');
  } finally {
    await sockets.remove();
  }
  return {
    remove: async () => void (await Promise.all(copied.map((file) => rm(ground.root + file, { force: true })))),
  };
}

/** The files of disks that are copied. @throws Failure migration-failed: the target knows others */
async function disksOf(
  ground: Ground,
  id: GuestId,
  files: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<string[]> {
  const known = disksIn(await dumpxml(ground, id, [], signal)).filter((disk): disk is XmlDisk & { file: string } =>
    Boolean(disk.file && files.has(disk.device)),
  );
  if (known.length === files.size) return known.map(({ file }) => file);
  throw new Failure('migration-failed', { guest: id, problem: 'its disks are others than it was offered with' });
}

interface Moving {
  files: ReadonlyMap<string, string>;
  sockets: MoveSockets;
  work: Work;
}

async function migrated(ground: Ground, guest: DriverGuest, { files, sockets, work }: Moving): Promise<void> {
  const { id } = guest;
  const [live, persistent] = await Promise.all([
    elsewhere(ground, id, [], files, work.signal),
    elsewhere(ground, id, ['--inactive'], files, work.signal),
  ]);
  await withFile(ground, 'live.xml', live, (xml) =>
    withFile(ground, 'persistent.xml', persistent, async (persistentXml) => {
      const words = wordsOf(guest, { sockets, files, xml, persistentXml });
      // Not by the job's signal: to go on without knowing how it ended is no way to call it off.
      const done = ground.virsh.slow(words, AbortSignal.timeout(MOVE_MS_MAX), MOVE_MS_MAX);
      const told = new AbortController();
      const callOff = (): void => void calledOff(ground, id, told.signal).catch(() => {});
      work.signal.addEventListener('abort', callOff, { once: true });
      if (work.signal.aborted) callOff();
      const telling = tell(ground, id, work, told.signal);
      try {
        await done;
      } finally {
        told.abort();
        await telling;
        work.signal.removeEventListener('abort', callOff);
      }
    }),
  );
}

/** The definition as the target shall have it. */
async function elsewhere(
  ground: Ground,
  id: GuestId,
  flags: readonly string[],
  files: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<string> {
  const text = await dumpxml(ground, id, ['--migratable', '--security-info', ...flags], signal);
  const formats = new Map(disksIn(text).map(({ device, format }) => [device, format]));
  const wanted = new Map(
    Array.from(files, ([device, file]) => [device, { file, format: formats.get(device) ?? 'raw' }] as const),
  );
  return parseDefinition(text)
    .edited((document) => putOnFiles(document, wanted))
    .toString();
}

function wordsOf(
  { id, persistent }: DriverGuest,
  { sockets, files, xml, persistentXml }: Omit<Moving, 'work'> & { xml: string; persistentXml: string },
): string[] {
  const at = (path: string): string => `unix://${encodeURI(path)}`;
  const daemon = `qemu+unix:///system?socket=${encodeURIComponent(sockets.path('libvirt')).replaceAll('%2F', '/')}`;
  return [
    ...['migrate', id, daemon, '--live', '--p2p', '--suspend', '--auto-converge', '--xml', xml],
    ...['--migrateuri', at(sockets.path('memory'))],
    ...(persistent ? ['--persistent', '--persistent-xml', persistentXml, '--undefinesource'] : []),
    ...(files.size === 0
      ? []
      : [
          '--copy-storage-all',
          '--migrate-disks',
          [...files.keys()].join(','),
          '--disks-uri',
          at(sockets.path('disks')),
        ]),
  ];
}

/** Tell how far it is, until the signal. */
async function tell(ground: Ground, id: GuestId, { progress }: Work, signal: AbortSignal): Promise<void> {
  progress('sending it', 0);
  while (!signal.aborted) {
    await pause(LOOK_MS, undefined, { signal }).catch(() => {});
    if (signal.aborted) return;
    try {
      const { percent, left } = parseJobInfo(await ground.virsh.slow(['domjobinfo', id], signal, LOOK_MS * 10));
      if (percent !== undefined) progress(`sending it, ${left} are left`, percent);
    } catch (error) {
      if (!signal.aborted)
        ground.log.debug({ guest: id, problem: messageOf(error) }, 'how far a guest is cannot be told');
    }
  }
}

const CALL_OFF_MS_MAX = 60_000;
const AGAIN_MS = 200;

/**
 * Call off a move of this guest, and wait until there is none.
 *
 * @param over fires when it has ended: until then it may be one that libvirt has not begun yet; undefined: one that was begun
 */
async function calledOff({ virsh }: Ground, id: GuestId, over?: AbortSignal): Promise<void> {
  const signal = AbortSignal.timeout(CALL_OFF_MS_MAX);
  for (;;) {
    const said = await virsh.slow(['domjobinfo', id], signal).catch((error: unknown) => {
      if (failedWith(error, 'host-command', 'guest-not-found', 'guest-wrong-state')) return '';
      throw error;
    });
    const { type, operation } = parseJobInfo(said);
    const isMoving = type !== 'none' && /migration/i.test(operation);
    if (!isMoving && (over === undefined || over.aborted)) return;
    if (isMoving) await virsh.slow(['domjobabort', id], signal).catch(() => {});
    await pause(AGAIN_MS, undefined, { signal }).catch((cause: unknown) => {
      throw new Failure('host-timeout', { command: 'virsh domjobabort', timeoutS: CALL_OFF_MS_MAX / 1_000 }, { cause });
    });
  }
}

const HERE_MS_MAX = 120_000;

/** As in `Migrating`. */
export const recallGuest = (ground: Ground, id: GuestId, signal: AbortSignal): Promise<boolean> =>
  isHere(ground, id, isMeantToRun, signal);

/**
 * Whether it is still here, and if so, as it was: where libvirt was cut off at the very end, it is left standing still. It has not run
 * elsewhere, since nobody was told so.
 * @throws Failure: that cannot be told
 */
async function isHere(
  ground: Ground,
  id: GuestId,
  isToRun: (now: DriverGuest) => boolean,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await calledOff(ground, id);
    const now = await readGuest(ground, id, signal);
    if (now.state === 'paused' && isToRun(now)) await ground.virsh.slow(['resume', id], signal);
    return true;
  } catch (error) {
    if (failedWith(error, 'guest-not-found')) return false;
    throw error;
  }
}

function failed({ name }: DriverGuest, error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (failedWith(error, 'migration-unfit', 'migration-failed')) return error;
  const problem = failedWith(error, 'host-command') ? String(error.details.problem) : messageOf(error);
  return new Failure('migration-failed', { guest: name, problem: problem.replace(/\.$/, '') }, { cause: error });
}
