/** Which processes are of a service: what keeps it up, what becomes its program, and the program. */
import { join } from 'node:path';
import { type Process, saidIn } from './processes.ts';
import type { ServiceName, ServicePlace } from './service.ts';

const isSupervisorOf = ({ folder }: ServicePlace, { name }: ServiceName, argv: readonly string[]): boolean =>
  argv[0] === 'sh' && argv[1]?.endsWith('/supervise') === true && argv[2] === folder && argv[3] === name;
const isMarked = ({ mark }: ServiceName, argv: readonly string[]): boolean => mark === undefined || argv.includes(mark);
/** Some programs are busybox with their name as the first word. */
export const isProgramOf = (service: ServiceName, argv: readonly string[]): boolean => {
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

export const NOTHING_RUNS: Running = { supervisors: [], strays: [], starting: [], programs: [] };

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

export async function saidSupervisor(place: ServicePlace, service: ServiceName): Promise<Process | undefined> {
  const found = await saidIn(join(place.folder, `${service.name}.pid`));
  return isSupervisorOf(place, service, found?.argv ?? []) ? found : undefined;
}

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
