import { nothingOf, type VolumeFile } from '#agent/volumes/driver.ts';
import type { Exports } from '#agent/volumes/exports.ts';
import type { Volumes } from '#agent/volumes/volumes.ts';
import { Failure } from '#shared/errors.ts';
import { type Export, uriOf, type Volume } from '#shared/model/volume.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import type { ArgsOf } from '#shared/verb/verb.ts';
import type { volumeVerbs } from '#shared/verbs/volume.ts';

export interface VolumeDeps {
  /** Undefined where this host has none: the verbs are then not offered (supported.ts). */
  volumes: Volumes | undefined;
  host: string;
}

/** NBD has it that those who only read are of no harm to each other. */
const READERS = 16;
const MIB = 1_048_576;

export function volumeHandlers({ volumes, host }: VolumeDeps): Handlers<typeof volumeVerbs> {
  const here = (verb: string): Volumes => {
    if (!volumes) throw new Failure('verb-unsupported', { driver: 'volume', host, verb });
    return volumes;
  };
  const recordOf = ({ exports }: Volumes, file: VolumeFile): Volume => volumeRecord(exports, file);
  return {
    'volume.list': async (_, { verb, signal }) => {
      const { driver, exports } = here(verb);
      return (await driver.list(signal)).map((file) => volumeRecord(exports, file));
    },
    'volume.info': async ({ volume }, { verb, signal }) => {
      const at = here(verb);
      const record = recordOf(at, await at.driver.read(volume, signal));
      const wanted = at.exports.wanted(volume);
      return { ...record, clients: wanted ? await at.driver.clientsOf(wanted, signal) : [] };
    },
    'volume.export': async (args, { verb, signal }) => {
      const at = here(verb);
      const file = await at.driver.read(args.volume, signal);
      await at.exports.keep(() => exportOf(at, args), args.force, signal);
      return recordOf(at, file);
    },
    'volume.unexport': async ({ volume, force }, { verb, signal }) => {
      const at = here(verb);
      const wasWanted = at.exports.wanted(volume) !== undefined;
      await at.exports.end(volume, force, signal);
      const file = await at.driver.read(volume, signal).catch((error: unknown) => {
        // It is done, also where there is no such file any more.
        if (wasWanted && error instanceof Failure) return nothingOf(volume, error.message);
        throw error;
      });
      return recordOf(at, file);
    },
  };
}

function volumeRecord(exports: Exports, file: VolumeFile): Volume {
  const { name, format, sizeBytes, usedBytes, backing } = file;
  const stands = exports.standing.find(({ volume }) => volume === name);
  const wanted = exports.wanted(name);
  const isUp = stands && stands.problem === undefined && !stands.unseen;
  const state = !wanted ? 'idle' : isUp ? 'up' : 'trouble';
  const problem = stands?.problem ?? file.problem;
  const mib = (bytes: number): number => Math.round((bytes / MIB) * 10) / 10;
  return {
    ...{ name, format, state, sizeMiB: mib(sizeBytes), usedMiB: mib(usedBytes) },
    ...(backing === undefined ? {} : { backing }),
    ...(wanted ? { uri: uriOf(wanted), writable: wanted.writable } : {}),
    ...(problem === undefined ? {} : { problem }),
  };
}

/** What is asked for, with what is not said: as it was, else as the configuration has it. @throws Failure bad-argument */
function exportOf(
  { exports, addresses, ports: { from, to } }: Volumes,
  { volume, writable, ...asked }: ArgsOf<(typeof volumeVerbs)['volume.export']>,
): Export {
  const before = exports.wanted(volume);
  const address = asked.address ?? before?.address ?? addresses[0] ?? '';
  if (!addresses.includes(address))
    throw new Failure('bad-argument', { field: 'address', problem: `this host exports at ${addresses.join(', ')}` });
  const taken = exports.portsAt(address);
  const free = (): number | undefined => {
    for (let port = from; port <= to; port++) if (!taken.has(port)) return port;
    return undefined;
  };
  const port = asked.port ?? (before?.address === address ? before.port : free());
  if (port === undefined)
    throw new Failure('bad-argument', { field: 'port', problem: `${from} to ${to} of ${address} are taken` });
  if (port < from || port > to)
    throw new Failure('bad-argument', { field: 'port', problem: `this host exports at ports ${from} to ${to}` });
  const other = taken.get(port) ?? volume;
  if (other !== volume)
    throw new Failure('bad-argument', { field: 'port', problem: `${other} is exported at ${port} of ${address}` });
  const clients = asked.clients ?? (before?.writable === writable ? before.clients : writable ? 1 : READERS);
  return { volume, address, port, writable, clients };
}
