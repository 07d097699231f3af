import type { Logger } from 'pino';
import type { DriverHost, GuestId } from '#agent/drivers/driver.ts';
import type { Run } from '#agent/exec/run.ts';
import type { runToEnd } from '#agent/exec/run-to-end.ts';
import { Failure } from '#shared/errors.ts';
import type { Turns } from '#shared/turns.ts';
import type { Configs } from './configs.ts';
import type { Ledger } from './ledger.ts';
import type { Places } from './short-form.ts';
import { listZones, parseZones, type Zone } from './zone-list.ts';

/** What every part of the driver stands on. */
export interface Ground extends Places {
  run: Run;
  runToEnd: typeof runToEnd;
  /** What gives `zlogin -C` a terminal. */
  terminal: readonly [string, ...string[]];
  log: Pick<Logger, 'debug' | 'info' | 'warn'>;
  /** The host's name for messages. */
  host: string;
  /** A folder of our own: what zonecfg shall read, and the ledger. */
  stateFolder: string;
  ledger: Ledger;
  configs: Configs;
  readHost(signal: AbortSignal): Promise<DriverHost>;
  /** One change of a zone after the other. */
  inTurn: Turns;
  /** Something was changed: who watches looks at once. */
  changed(): void;
}

/** All zones. What zoneadm could not look up is left out, and told. */
export async function readZones({ run, log }: Pick<Ground, 'run' | 'log'>, signal: AbortSignal): Promise<Zone[]> {
  const { zones, unclear } = parseZones(await run(listZones(), signal));
  for (const line of unclear) log.warn({ line }, 'zoneadm could not look up a zone, which may just have gone');
  return zones;
}

/** @throws Failure guest-not-found */
export async function zoneOf(ground: Ground, id: GuestId, signal: AbortSignal): Promise<Zone> {
  const zone = (await readZones(ground, signal)).find((each) => each.id === id);
  if (!zone || (await isHidden(ground, zone.name))) throw missing(ground, id);
  return zone;
}

export const missing = ({ host }: Pick<Ground, 'host'>, guest: string): Failure =>
  new Failure('guest-not-found', { guest: guest.slice(0, 64), host });

/** One that is being made is none yet. */
export const isHidden = async ({ ledger }: Pick<Ground, 'ledger'>, name: string): Promise<boolean> =>
  (await ledger.read(name))?.phase === 'making';
