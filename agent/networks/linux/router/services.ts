import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Run } from '#agent/exec/run.ts';
import { paused, systemClock } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';
import { keepFile, readIfThere } from './folder.ts';
import { type Process, processesIn, tell } from './processes.ts';

/** Where a router's services run, and what they run with. */
export interface Place {
  run: Run;
  /** Name of this host, for failures. */
  host: string;
  namespace: string;
  folder: string;
}

export interface Service {
  name: 'dnsmasq' | 'haproxy';
  /** What starts it: one line for `sh`, which ends in the program itself. */
  line: string;
  /** Whether a process is the program, and runs with what it shall run with. */
  isCurrent(argv: readonly string[]): boolean;
}

const LOOK_MS = 25;
const END_MS_MAX = 5_000;
const UP_MS_MAX = 10_000;

const isSupervisorOf = (name: string, argv: readonly string[]): boolean =>
  argv[0] === 'sh' && argv[1]?.endsWith('/supervise') === true && argv[3] === name;
const isProgramOf = (name: string, argv: readonly string[]): boolean => argv[0]?.split('/').at(-1) === name;

/** What runs of one service. */
export interface Running {
  supervisors: readonly Process[];
  /** With haproxy, the first of them and its workers. */
  programs: readonly Process[];
}

export async function readRunning({ run, namespace }: Place, name: string, signal: AbortSignal): Promise<Running> {
  const all = await processesIn(run, namespace, signal);
  return {
    supervisors: all.filter(({ argv }) => isSupervisorOf(name, argv)),
    programs: all.filter(({ argv }) => isProgramOf(name, argv)),
  };
}

/**
 * Have a service up, with one supervisor, running with what it shall run with. One that does is left alone; one whose supervisor was
 * killed is started anew, since nobody would start it again.
 *
 * @throws Failure network-host when it does not come up
 */
export async function keepUp(place: Place, service: Service, signal: AbortSignal): Promise<void> {
  await keepFile(join(place.folder, `run-${service.name}`), `${service.line}\n`);
  const { supervisors, programs } = await readRunning(place, service.name, signal);
  if (supervisors.length === 0) {
    await endAll(place, programs, service.name, signal);
    await supervise(place, service.name, signal);
  } else {
    for (const each of programs) if (!service.isCurrent(each.argv)) await tell(each, 'SIGTERM');
  }
  await untilUp(place, service, signal);
}

async function supervise(place: Place, name: string, signal: AbortSignal): Promise<void> {
  const script = join(place.folder, 'supervise');
  await keepFile(script, await readFile(new URL('supervise.sh', import.meta.url), 'utf8'));
  const args = ['netns', 'exec', place.namespace, 'setsid', '--fork', 'sh', script, place.folder, name];
  await place.run({ file: 'ip', args, timeoutMs: 30_000 }, signal);
}

async function untilUp(place: Place, service: Service, signal: AbortSignal): Promise<void> {
  const lateMs = systemClock.now() + UP_MS_MAX;
  for (;;) {
    const { programs } = await readRunning(place, service.name, signal);
    const outdated = programs.filter(({ argv }) => !service.isCurrent(argv));
    if (programs.length > 0 && outdated.length === 0) return;
    if (systemClock.now() > lateMs - END_MS_MAX) for (const each of outdated) await tell(each, 'SIGKILL');
    if (systemClock.now() > lateMs) {
      const problem = `${service.name} does not come up: ${await lastWordsOf(place, service.name)}`;
      throw new Failure('network-host', { host: place.host, problem });
    }
    await paused(systemClock, LOOK_MS, signal);
    signal.throwIfAborted();
  }
}

/** End a service, and whoever keeps it up; resolves when both are gone. */
export async function end(place: Place, name: Service['name'], signal: AbortSignal): Promise<void> {
  const { supervisors, programs } = await readRunning(place, name, signal);
  await endAll(place, [...supervisors, ...programs], name, signal);
}

async function endAll(place: Place, some: readonly Process[], name: string, signal: AbortSignal): Promise<void> {
  if (some.length === 0) return;
  for (const each of some) await tell(each, 'SIGTERM');
  const lateMs = systemClock.now() + END_MS_MAX;
  const asked = new Set(some.filter(({ argv }) => isSupervisorOf(name, argv)).map(({ pid }) => pid));
  for (;;) {
    const { supervisors, programs } = await readRunning(place, name, signal);
    // A supervisor that was not asked is another one's, and what it runs is too.
    const left = [...(asked.size > 0 ? supervisors : []), ...programs];
    if (left.length === 0) return;
    if (systemClock.now() > lateMs) for (const each of left) await tell(each, 'SIGKILL');
    await paused(systemClock, LOOK_MS, signal);
    signal.throwIfAborted();
  }
}

/** What is wrong with a service, in words. Empty where it is up. */
export async function examine(
  place: Place,
  service: Pick<Service, 'name' | 'isCurrent'>,
  signal: AbortSignal,
): Promise<string[]> {
  const { name } = service;
  const { supervisors, programs } = await readRunning(place, name, signal);
  if (programs.length === 0 && supervisors.length === 0) return [`${name} does not run`];
  if (programs.length === 0) return [`${name} does not stay up: ${await lastWordsOf(place, name)}`];
  if (supervisors.length === 0) return [`${name} runs, and nothing would start it again`];
  return programs.some(({ argv }) => !service.isCurrent(argv)) ? [`${name} runs with what it had before`] : [];
}

/** The end of a service's log. */
async function lastWordsOf({ folder }: Place, name: string): Promise<string> {
  const lines = ((await readIfThere(join(folder, `${name}.log`))) ?? '').trim().split('\n');
  return lines.slice(-3).join('; ').slice(-500) || 'it said nothing';
}
