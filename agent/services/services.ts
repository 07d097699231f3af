import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { keepFile, readIfThere } from '#agent/files/folder.ts';
import { paused, systemClock } from '#shared/clock.ts';
import { isThere, type Process, startedBy, tell } from './processes.ts';
import { isProgramOf, NOTHING_RUNS, readRunning, runningNow, saidSupervisor } from './running.ts';
import type { Service, ServiceName, ServicePlace } from './service.ts';

const LOOK_MS = 5;
/** To look at all processes of a place may take a process: that is done where nothing simpler tells. */
const LOOK_AT_ALL_MS = 100;
const END_MS_MAX = 5_000;

/**
 * Have a service up, with one supervisor, running with what it shall run with. One that does is left alone; one whose supervisor was
 * killed is started anew, since nobody would start it again.
 *
 * @throws Failure as the place says, when it does not come up
 */
export async function keepUp(place: ServicePlace, service: Service, signal: AbortSignal): Promise<void> {
  await keepFile(join(place.folder, `run-${service.name}`), service.script.map((line) => `${line}\n`).join(''));
  // The first thing that a supervisor does is to say who it is: where none ever did, there is nothing to look for, and of two the lock lets one.
  const isFirst = (await readIfThere(join(place.folder, `${service.name}.pid`))) === undefined;
  const { supervisors, strays, starting, programs } = isFirst
    ? NOTHING_RUNS
    : await readRunning(place, service, signal);
  const isAnew = supervisors.length === 0;
  if (isAnew) {
    await endProcesses(place, [...strays, ...starting, ...programs], [service], signal);
    await supervise(place, service.name, signal);
  } else {
    const isDue = await isStartDue(place, service);
    for (const each of programs) if (isDue || !service.isCurrent(each.argv)) await tell(each, 'SIGTERM');
  }
  await untilUp(place, service, isAnew, signal);
}

const isStartDue = async ({ folder }: ServicePlace, { startDue }: Service): Promise<boolean> =>
  startDue !== undefined && (await readIfThere(join(folder, startDue))) !== undefined;

async function supervise(place: ServicePlace, name: string, signal: AbortSignal): Promise<void> {
  const script = join(place.folder, 'supervise');
  await keepFile(script, await readFile(new URL('supervise.sh', import.meta.url), 'utf8'));
  const supervisor = ['setsid', '--fork', 'sh', script, place.folder, name, place.seenAt];
  const [file = 'setsid', ...args] = [...place.enter, ...supervisor];
  await place.run({ file, args, timeoutMs: 30_000 }, signal);
}

/** @param isAnew nothing was there before: then what its supervisor has started is all of it */
async function untilUp(place: ServicePlace, service: Service, isAnew: boolean, signal: AbortSignal): Promise<void> {
  const lateMs = systemClock.now() + place.upMsMax;
  for (let lookMs = isAnew ? systemClock.now() + LOOK_AT_ALL_MS : 0; ; ) {
    const now = systemClock.now();
    const isSeen = await isSeenUp(place, service);
    if (isSeen && isAnew) return;
    if (isSeen || now >= lookMs) {
      const { starting, programs } = await readRunning(place, service, signal);
      const outdated = programs.filter(({ argv }) => !service.isCurrent(argv));
      const isUp = programs.some(service.isReady) && starting.length === 0 && outdated.length === 0;
      if (isUp && !(await isStartDue(place, service))) return;
      if (now > lateMs - place.upMsMax / 2) for (const each of outdated) await tell(each, 'SIGKILL');
      lookMs = now + LOOK_AT_ALL_MS;
    }
    if (now > lateMs)
      throw place.failure(`${service.name} does not come up: ${await lastWordsOf(place, service.name)}`);
    await paused(systemClock, LOOK_MS, signal);
    signal.throwIfAborted();
  }
}

/** Whether its supervisor has started it, and it serves; what else there is of it is not looked at. */
async function isSeenUp(place: ServicePlace, service: Service): Promise<boolean> {
  const said = await saidSupervisor(place, service);
  const started = said && (await startedBy(said));
  const isUp = (each: Process): boolean =>
    isProgramOf(service, each.argv) && service.isCurrent(each.argv) && service.isReady(each);
  return started?.some(isUp) === true && !(await isStartDue(place, service));
}

/** End a service, and whoever keeps it up; resolves when all is gone. */
export const end = async (place: ServicePlace, service: ServiceName, signal: AbortSignal): Promise<void> =>
  endProcesses(place, await runningNow(place, [service], signal), [service], signal);

/** End what was found of services; resolves when all is gone, and what that had started too. */
export async function endProcesses(
  place: ServicePlace,
  some: readonly Process[],
  services: readonly ServiceName[],
  signal: AbortSignal,
): Promise<void> {
  for (const each of some) await tell(each, 'SIGTERM');
  const lateMs = systemClock.now() + END_MS_MAX;
  for (let left = some; left.length > 0; ) {
    await paused(systemClock, LOOK_MS, signal);
    signal.throwIfAborted();
    if (systemClock.now() > lateMs) for (const each of left) await tell(each, 'SIGKILL');
    const areThere = await Promise.all(left.map(isThere));
    // What they started on their way out is found when they are gone.
    left = areThere.includes(true) ? left.filter((_, at) => areThere[at]) : await runningNow(place, services, signal);
  }
}

/** What is wrong with a service, in words. Empty where it is up. */
export async function examine(
  place: ServicePlace,
  service: ServiceName & Pick<Service, 'isCurrent'>,
  signal: AbortSignal,
): Promise<string[]> {
  const { name } = service;
  const { supervisors, programs } = await readRunning(place, service, signal);
  if (programs.length === 0 && supervisors.length === 0) return [`${name} does not run`];
  if (programs.length === 0) return [`${name} does not stay up: ${await lastWordsOf(place, name)}`];
  if (supervisors.length === 0) return [`${name} runs, and nothing would start it again`];
  return programs.some(({ argv }) => !service.isCurrent(argv)) ? [`${name} runs with what it had before`] : [];
}

/** The end of a service's log. */
export async function lastWordsOf({ folder }: Pick<ServicePlace, 'folder'>, name: string): Promise<string> {
  const lines = ((await readIfThere(join(folder, `${name}.log`))) ?? '').trim().split('\n');
  return lines.slice(-3).join('; ').slice(-500) || 'it said nothing';
}
