/**
 * Responsibilities: what is to be exported is exported: when somebody says so, after a restart of the agent, after a power cut, and when
 * somebody ended a server. It tells how that stands.
 *
 * Theory of operation: what is wanted is kept before anything is done. A pass looks at each export and has a server for it, and ends servers of
 * what is not wanted; one is made at the start, once a minute, and sooner while something is amiss. Orders and passes come one after the other.
 *
 * What can go wrong: an export that is new does not come up: it is not wanted any more, and whoever asked is told. One that was wanted
 * before stays wanted, is tried again, and reported with why.
 */

import type { Logger } from 'pino';
import type { Settings } from '#agent/journal/settings.ts';
import { type Clock, paused } from '#shared/clock.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import type { Export, ExportStanding } from '#shared/model/volume.ts';
import { oneLine } from '#shared/turns.ts';
import type { VolumeDriver } from './driver.ts';
import { wantedExports } from './wanted.ts';

export interface Exports {
  /** By name of the volume. */
  readonly standing: readonly ExportStanding[];
  /** What is wanted of a volume. */
  wanted(volume: string): Export | undefined;
  /** Ports that are taken at an address, each with the volume that has it. */
  portsAt(address: string): ReadonlyMap<number, string>;
  /** Resolves when what was kept is exported, or as far as it can be; those that do not come up are not waited for very long. */
  start(): Promise<void>;
  /**
   * @param wanted a function is asked when its turn has come: what it chooses, as a port, nobody else has by then
   * @param force also where clients of it as it was are cut off
   * @throws Failure volume-in-use, volume-not-found, volume-export, host-space; whatever `wanted` throws
   */
  keep(wanted: Export | (() => Export), force: boolean, signal: AbortSignal): Promise<void>;
  /** @throws Failure volume-in-use, host-space, host-command, host-timeout */
  end(volume: string, force: boolean, signal: AbortSignal): Promise<void>;
  /** The standing has changed. Returns what ends it. */
  onStanding(listener: () => void): () => void;
  stop(): Promise<void>;
}

export interface ExportsDeps {
  driver: VolumeDriver;
  settings: Settings;
  clock: Clock;
  log: Pick<Logger, 'warn'>;
  onBug(error: unknown): void;
}

const CHECK_MS = 60_000;
const AGAIN_MS = 2_000;
const PASS_MS_MAX = 10 * 60_000;
/** The agent has other things to do. */
const START_MS_MAX = 20_000;
/** A look is over sooner than this; a client that uses it is still there. */
const LOOK_MS = 500;

export function keptExports({ driver, settings, clock, log, onBug }: ExportsDeps): Exports {
  const listeners = new Set<() => void>();
  const stopped = new AbortController();
  const wanted = wantedExports(settings);
  let standing: readonly ExportStanding[] = wanted.all().map((one) => ({ ...one, unseen: true }));
  let waitMs = CHECK_MS;
  let callOff = (): void => {};
  const line = oneLine();

  const inTurn = <T>(work: () => Promise<T>): Promise<T> =>
    line(() => {
      stopped.signal.throwIfAborted();
      return work();
    });
  const tell = (next: readonly ExportStanding[]): void => {
    const sorted = next.toSorted((a, b) => (a.volume < b.volume ? -1 : 1));
    if (JSON.stringify(sorted) === JSON.stringify(standing)) return;
    for (const { volume, problem } of sorted) if (problem) log.warn({ volume, problem }, 'a volume is not exported');
    standing = sorted;
    for (const listener of [...listeners]) listener();
  };
  const stands = (one: Export, problem?: string): void =>
    tell([
      ...standing.filter(({ volume }) => volume !== one.volume),
      { ...one, ...(problem === undefined ? {} : { problem: problem.slice(0, 1_000) }) },
    ]);
  const mended = async (one: Export, signal: AbortSignal): Promise<void> => {
    try {
      if ((await driver.problemOf(one, signal)) !== undefined) await driver.serve(one, signal);
      stands(one);
    } catch (error) {
      signal.throwIfAborted();
      stands(one, messageOf(error));
    }
  };
  const pass = async (): Promise<void> => {
    const signal = AbortSignal.any([stopped.signal, AbortSignal.timeout(PASS_MS_MAX)]);
    for (const volume of await driver.served(signal)) if (!wanted.get(volume)) await driver.end(volume, signal);
    for (const one of wanted.all()) await mended(one, signal);
  };
  const passes = async (): Promise<void> => {
    callOff();
    await inTurn(pass).catch((error: unknown) => {
      if (!stopped.signal.aborted) onBug(error);
    });
    const isWell = standing.every(({ problem }) => problem === undefined);
    waitMs = isWell ? CHECK_MS : Math.min(CHECK_MS, waitMs === CHECK_MS ? AGAIN_MS : waitMs * 2);
    if (!stopped.signal.aborted) callOff = clock.after(waitMs, () => void passes());
  };
  return {
    get standing() {
      return standing;
    },
    wanted: (volume) => wanted.get(volume),
    portsAt: (address) =>
      new Map(wanted.all().flatMap((each) => (each.address === address ? [[each.port, each.volume]] : []))),
    start: async () => {
      const waited = new AbortController();
      await Promise.race([passes(), paused(clock, START_MS_MAX, waited.signal)]);
      waited.abort(new Error('it is over'));
    },
    keep: (asked, force, signal) =>
      inTurn(async () => {
        const next = typeof asked === 'function' ? asked() : asked;
        const before = wanted.get(next.volume);
        const isSame = JSON.stringify(before) === JSON.stringify(next);
        if (before && !isSame && !force) await refuseUsed({ driver, clock }, before, signal);
        wanted.put(next.volume, next);
        try {
          await driver.serve(next, signal);
        } catch (error) {
          // One that was wanted like this stays wanted; another one is as it was before.
          if (!isSame) wanted.put(next.volume, before);
          if (!before) await driver.end(next.volume, AbortSignal.timeout(PASS_MS_MAX));
          else if (!isSame) await mended(before, AbortSignal.timeout(PASS_MS_MAX));
          throw error;
        }
        stands(next);
      }),
    end: (volume, force, signal) =>
      inTurn(async () => {
        const one = wanted.get(volume);
        if (!one) return;
        if (!force) await refuseUsed({ driver, clock }, one, signal);
        wanted.put(volume, undefined);
        tell(standing.filter((each) => each.volume !== volume));
        await driver.end(volume, signal);
      }),
    onStanding: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    stop: async () => {
      stopped.abort(new Error('the agent stops'));
      callOff();
      await line(async () => {});
      callOff();
    },
  };
}

/** @throws Failure volume-in-use */
async function refuseUsed(
  { driver, clock }: Pick<ExportsDeps, 'driver' | 'clock'>,
  one: Export,
  signal: AbortSignal,
): Promise<void> {
  const before = await driver.clientsOf(one, signal);
  if (before.length === 0) return;
  await paused(clock, LOOK_MS, signal);
  signal.throwIfAborted();
  const still = new Set(await driver.clientsOf(one, signal));
  const clients = before.filter((each) => still.has(each)).join(', ');
  if (clients !== '')
    throw new Failure('volume-in-use', { volume: one.volume, clients, how: 'force=yes cuts them off' });
}
