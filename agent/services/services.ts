import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Run } from '#agent/exec/run.ts';
import { keepFile, readIfThere } from '#agent/files/folder.ts';
import { paused, systemClock } from '#shared/clock.ts';
import type { Failure } from '#shared/errors.ts';
import { isThere, type Process, saidIn, startedBy, tell } from './processes.ts';

/** Where services run, and what they run with. */
export interface ServicePlace {
  run: Run;
  /** What they keep, and what starts them. */
  folder: string;
  /** How long a service may take to come up. */
  upMsMax: number;
  /** What is put before a program for it to run there. */
  enter: readonly string[];
  /** Where the folder is seen from there. */
  seenAt: string;
  /** All that runs there, and maybe more. */
  processes(signal: AbortSignal): Promise<Process[]>;
  /** What is thrown when a service does not come up. */
  failure(problem: string): Failure;
}

/** What tells a service's processes from others. */
export interface ServiceName {
  /** Of its files. */
  name: string;
  /** What runs; without it, a program of that name. */
  program?: string;
  /** A word that the program is started with, where several of it run in one place. */
  mark?: string;
}

export interface Service extends ServiceName {
  /** What starts it: lines for `sh`, the last of which becomes the program itself. */
  script: readonly string[];
  /** A file in the folder: while it is there, the service has to be started anew, which takes it away. */
  startDue?: string;
  /** Whether a process is the program, and runs with what it shall run with. */
  isCurrent(argv: readonly string[]): boolean;
  /** Whether a process has come as far as to serve. */
  isReady(process: Process): boolean;
}

const only = (capabilities: readonly string[]): string => ['-all', ...capabilities.map((each) => `+${each}`)].join(',');

/** A line for `sh` that runs a program with no more of root's powers than these, and as somebody else where one is named. */
export const boundTo = (
  capabilities: readonly string[],
  program: string,
  user?: { uid: number; gid: number },
): string => {
  const as = user ? `--reuid=${user.uid} --regid=${user.gid} --clear-groups ` : '';
  return `exec setpriv --no-new-privs ${as}--inh-caps=-all --bounding-set=${only(capabilities)} ${program}`;
};

/** The same as nobody, who keeps these powers, and so does what the program starts. */
export const asNobodyWith = (capabilities: readonly string[], program: string): string =>
  [
    'exec setpriv --no-new-privs --reuid=nobody --regid=nogroup --clear-groups',
    ...['inh-caps', 'ambient-caps', 'bounding-set'].map((set) => `--${set}=${only(capabilities)}`),
    program,
  ].join(' ');

const LOOK_MS = 5;
/** To look at all processes of a place may take a process: that is done where nothing simpler tells. */
const LOOK_AT_ALL_MS = 100;
const END_MS_MAX = 5_000;

const isSupervisorOf = ({ folder }: ServicePlace, { name }: ServiceName, argv: readonly string[]): boolean =>
  argv[0] === 'sh' && argv[1]?.endsWith('/supervise') === true && argv[2] === folder && argv[3] === name;
const isMarked = ({ mark }: ServiceName, argv: readonly string[]): boolean => mark === undefined || argv.includes(mark);
/** Some programs are busybox with their name as the first word. */
const isProgramOf = (service: ServiceName, argv: readonly string[]): boolean => {
  const { name, program = name } = service;
  const word = argv[0]?.split('/').at(-1);
  return (word === program || (word === 'busybox' && argv[1] === program)) && isMarked(service, argv);
};
/** What becomes the program: `sh` with the file that says how, then setpriv. */
const isStarting = (place: ServicePlace, service: ServiceName, argv: readonly string[]): boolean => {
  const { name, program = name } = service;
  if (isProgramOf(service, argv) || isSupervisorOf(place, service, argv)) return false;
  return argv.includes(`${place.seenAt}/run-${name}`) || (argv.includes(program) && isMarked(service, argv));
};

/** What runs of one service. */
export interface Running {
  supervisors: readonly Process[];
  /** A supervisor that is elsewhere: the namespace that it is in has lost its name. */
  strays: readonly Process[];
  starting: readonly Process[];
  /** With haproxy, the first of them and its workers. */
  programs: readonly Process[];
}

const NOTHING: Running = { supervisors: [], strays: [], starting: [], programs: [] };

export const readRunning = async (place: ServicePlace, service: ServiceName, signal: AbortSignal): Promise<Running> =>
  runningOf(place, service, await place.processes(signal));

async function runningOf(place: ServicePlace, service: ServiceName, all: readonly Process[]): Promise<Running> {
  const said = await saidSupervisor(place, service);
  return {
    supervisors: all.filter(({ argv }) => isSupervisorOf(place, service, argv)),
    strays: said && all.every(({ pid }) => pid !== said.pid) ? [said] : [],
    starting: all.filter(({ argv }) => isStarting(place, service, argv)),
    programs: all.filter(({ argv }) => isProgramOf(service, argv)),
  };
}

async function saidSupervisor(place: ServicePlace, service: ServiceName): Promise<Process | undefined> {
  const found = await saidIn(join(place.folder, `${service.name}.pid`));
  return isSupervisorOf(place, service, found?.argv ?? []) ? found : undefined;
}

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
  const { supervisors, strays, starting, programs } = isFirst ? NOTHING : await readRunning(place, service, signal);
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

/** What runs of services, and whoever keeps them up. */
export async function runningNow(
  place: ServicePlace,
  services: readonly ServiceName[],
  signal: AbortSignal,
): Promise<Process[]> {
  const all = await place.processes(signal);
  return (await Promise.all(services.map(async (each) => allOf(await runningOf(place, each, all))))).flat();
}

const allOf = ({ supervisors, strays, starting, programs }: Running): Process[] => [
  ...supervisors,
  ...strays,
  ...starting,
  ...programs,
];

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
