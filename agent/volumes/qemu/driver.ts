/**
 * Responsibilities: volumes as files in a folder, and a qemu-nbd for each that is exported.
 *
 * Theory of operation: each server is a service with a supervisor that outlives the agent (agent/services), as the owner of the file and
 * with no powers where the agent is root. A server counts as up when the NBD handshake lists its export.
 *
 * What can go wrong: somebody else has the image open for writing: QEMU's lock refuses the server, which its supervisor starts again, ever
 * more seldom, until it may. The file is replaced under a server that runs: the server goes on with the old one. More clients than it lets in
 * are there: it answers no look then, and counts as up.
 */
import { lookup } from 'node:dns';
import { lstat, opendir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Run } from '#agent/exec/run.ts';
import { isMissing, keepFolder, namesIn, readIfThere } from '#agent/files/folder.ts';
import { chainProblem } from '#agent/images/chain.ts';
import { nbdLook } from '#agent/probes/nbd.ts';
import { processesHere } from '#agent/services/processes.ts';
import type { ServiceName, ServicePlace } from '#agent/services/service.ts';
import { end, examine, keepUp, lastWordsOf } from '#agent/services/services.ts';
import { nothingOf, type VolumeDriver, type VolumeFile } from '#agent/volumes/driver.ts';
import { paused, systemClock } from '#shared/clock.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import { type Export, formatOf, uriOf, VolumeName } from '#shared/model/volume.ts';
import { listClients, parseClients } from './clients.ts';
import { nbdServer, serverName, volumeOf } from './nbd-server.ts';
import { readVolume } from './volume-file.ts';

export interface QemuVolumesDeps {
  run: Run;
  /** Name of this host, for failures. */
  host: string;
  /** Where the volumes are. */
  folder: string;
  /** Where servers keep what starts them. */
  services: string;
  /** How long a server may take to answer. */
  upMsMax?: number;
}

const UP_MS_MAX = 10_000;
const LOOK_MS_MAX = 2_000;
const AGAIN_MS = 100;
const LISTED_MAX = 1_000;

export function qemuVolumes({ run, host, folder, services, upMsMax = UP_MS_MAX }: QemuVolumesDeps): VolumeDriver {
  const place = placeAt({ run, services }, upMsMax);
  const fileOf = (volume: string): string => join(folder, VolumeName.parse(volume));

  async function ownerOf(volume: string): Promise<{ uid: number; gid: number }> {
    const stat = await lstat(fileOf(volume)).catch((error: unknown) => {
      if (isMissing(error)) return undefined;
      throw new Failure('volume-folder', { host, problem: messageOf(error) });
    });
    if (!stat?.isFile()) throw new Failure('volume-not-found', { volume, host });
    return { uid: stat.uid, gid: stat.gid };
  }
  async function read(volume: string): Promise<VolumeFile> {
    const found = await readVolume(fileOf(volume), volume);
    if (found === undefined) throw new Failure('volume-not-found', { volume, host });
    return found;
  }
  /** One that is no image does not hide the others; one that has just gone is none. */
  async function readOrSay(volume: string): Promise<VolumeFile[]> {
    try {
      return [await read(volume)];
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      return error.code === 'volume-not-found' ? [] : [nothingOf(volume, error.message.slice(0, 1_000))];
    }
  }
  /** The first by name, of however many there are. */
  async function namesListed(signal: AbortSignal): Promise<string[]> {
    const names: string[] = [];
    const first = (): string[] => names.sort((a, b) => (a < b ? -1 : 1)).splice(LISTED_MAX);
    try {
      for await (const entry of await opendir(folder)) {
        signal.throwIfAborted();
        if (entry.isFile() && VolumeName.safeParse(entry.name).success) names.push(entry.name);
        if (names.length >= 2 * LISTED_MAX) first();
      }
    } catch (error) {
      signal.throwIfAborted();
      throw new Failure('volume-folder', { host, problem: messageOf(error) });
    }
    first();
    return names;
  }
  const clientsOf = async (wanted: Export, signal: AbortSignal): Promise<string[]> =>
    parseClients(await run(listClients(wanted), signal));
  /** Why its server does not list it; undefined where it does, or has all the clients that it lets in. */
  async function lackOf(wanted: Export, signal: AbortSignal): Promise<string | undefined> {
    const lack = await unlisted(wanted, signal);
    if (lack === undefined) return undefined;
    return (await clientsOf(wanted, signal)).length > wanted.clients ? undefined : lack;
  }
  /** @throws Failure host-command */
  async function untilListed(wanted: Export, signal: AbortSignal): Promise<void> {
    const lateMs = systemClock.now() + upMsMax;
    for (;;) {
      const problem = await lackOf(wanted, signal);
      if (problem === undefined) return;
      if (systemClock.now() > lateMs) throw new Failure('host-command', { problem });
      await paused(systemClock, AGAIN_MS, signal);
      signal.throwIfAborted();
    }
  }
  /** @throws Failure volume-export where its server would serve what is in no volume */
  async function requireOwn({ volume }: Export): Promise<void> {
    await ownerOf(volume);
    const problem = await chainProblem({ file: fileOf(volume), format: formatOf(volume) }, folder);
    if (problem !== undefined) throw new Failure('volume-export', { volume, problem });
  }
  async function serverOf(wanted: Export) {
    const owner = await ownerOf(wanted.volume);
    return nbdServer(wanted, fileOf(wanted.volume), process.getuid?.() === 0 ? owner : undefined);
  }

  return {
    read,
    list: async (signal) => {
      const files: VolumeFile[] = [];
      for (const name of await namesListed(signal)) {
        signal.throwIfAborted();
        files.push(...(await readOrSay(name)));
      }
      return files;
    },
    serve: async (wanted, signal) => {
      await requireOwn(wanted);
      const server = await serverOf(wanted);
      await keepFolder(services);
      // The folder of volumes may have been another one: the server of that file is not known by the name of this one.
      const had = await readIfThere(join(services, `run-${server.name}`));
      if (had !== undefined && !had.includes(` ${fileOf(wanted.volume)}`) && !had.includes(`'${fileOf(wanted.volume)}`))
        await end(place, supervisorOf(services, server.name), signal);
      try {
        await keepUp(place, server, signal);
        await untilListed(wanted, signal);
      } catch (error) {
        signal.throwIfAborted();
        const said = await lastWordsOf(place, server.name);
        throw new Failure('volume-export', { volume: wanted.volume, problem: `${messageOf(error)} (${said})` });
      }
    },
    end: async (volume, signal) => {
      await end(place, serverName(volume, fileOf(volume)), signal);
      await forget(services, serverName(volume, fileOf(volume)).name);
    },
    served: async () => (await namesIn(services)).flatMap((name) => volumeOf(name) ?? []),
    problemOf: async (wanted, signal) => {
      const problems = await examine(place, await serverOf(wanted), signal);
      return problems.length > 0 ? problems.join('; ') : lackOf(wanted, signal);
    },
    clientsOf,
  };
}

const placeAt = ({ run, services }: Pick<QemuVolumesDeps, 'run' | 'services'>, upMsMax: number): ServicePlace => ({
  ...{ run, upMsMax, folder: services, seenAt: services, enter: [], processes: processesHere },
  failure: (problem) => new Failure('host-command', { problem }),
});

/** Of a server whose file is not known: its supervisor, which ends it too. */
const supervisorOf = (services: string, name: string): ServiceName => ({ name, mark: join(services, `run-${name}`) });

/** What starts it goes last: as long as that is there, it is known that there may be something. */
async function forget(services: string, name: string): Promise<void> {
  for (const each of [`${name}.log`, `${name}.lock`, `${name}.pid`, `run-${name}`])
    await rm(join(services, each), { force: true });
}

/** End all servers, where the configuration has no volumes any more. @returns of which volumes */
export async function endServers(
  deps: Pick<QemuVolumesDeps, 'run' | 'services'>,
  signal: AbortSignal,
): Promise<string[]> {
  const volumes = (await namesIn(deps.services)).flatMap((name) => volumeOf(name) ?? []);
  for (const { name } of volumes.map((volume) => serverName(volume, ''))) {
    await end(placeAt(deps, UP_MS_MAX), supervisorOf(deps.services, name), signal);
    await forget(deps.services, name);
  }
  return volumes;
}

/** Why its server does not list it; undefined where it does. */
async function unlisted(wanted: Export, signal: AbortSignal): Promise<string | undefined> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(LOOK_MS_MAX)]);
  try {
    const verdict = await nbdLook(uriOf(wanted), lookup)(limit);
    return verdict.ok ? undefined : verdict.why;
  } catch {
    signal.throwIfAborted();
    return `its NBD server did not answer within ${LOOK_MS_MAX / 1_000} s`;
  }
}
