import type { Duplex } from 'node:stream';
import type { HypervisorDriver } from '#agent/drivers/driver.ts';
import type { Coming, Landed, Landing } from '#agent/drivers/migration.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import { turns } from '#shared/turns.ts';
import { type Listening, listenForSource } from './tunnel.ts';

export interface ReceivingDeps {
  driver: HypervisorDriver;
  host: string;
  /** Where this host takes guests from others; undefined: nowhere. */
  address(): string | undefined;
  ports: { from: number; to: number };
  /** How it is listened for them; TLS unless given. */
  listen?: typeof listenForSource;
  log: Record<'info' | 'warn', (fields: object, message: string) => void>;
}

/** What the source is to be told. */
export interface Way {
  address: string;
  port: number;
  told: string;
}

/** Guests that are to come from other hosts. */
export interface Receiving {
  /** @throws Failure migration-unfit, verb-unsupported, and what `awaitGuest` throws */
  expect(coming: Coming, key: Uint8Array, signal: AbortSignal): Promise<Way>;
  /** As the driver's `landGuest`. @throws Failure guest-wrong-state, guest-not-found */
  land(id: string, landed: Landed, signal: AbortSignal): Promise<void>;
  stop(): void;
}

/** The channel by which the source says that it has none of the guest any more. */
export const GO = 'go';
const GO_MS_MAX = 60_000;

/** Whoever is awaited may come until it is said how it ended, or this agent ends. */
export function receiving(deps: ReceivingDeps): Receiving {
  const { log, listen = listenForSource } = deps;
  const awaited = new Map<string, Listening & { move: string }>();
  const inTurn = turns();
  const close = (id: string): void => {
    awaited.get(id)?.close();
    awaited.delete(id);
  };
  const closeOf = (id: string, move: string): void => {
    if (awaited.get(id)?.move === move) close(id);
  };
  const land = async (id: string, landed: Landed, signal: AbortSignal): Promise<void> => {
    // Nobody comes while what has come is removed.
    if (landed.outcome === 'stayed') closeOf(id, landed.move);
    await landing(deps).landGuest(id, landed, signal);
  };
  const go = async ({ id, move }: Coming, stream: Duplex): Promise<void> => {
    try {
      await land(id, { move, outcome: 'came' }, AbortSignal.timeout(GO_MS_MAX));
      stream.end('ok\n');
    } catch (error) {
      log.warn({ guest: id, err: error }, 'a guest has come, and does not run yet');
      stream.end(`${messageOf(error)}\n`);
    }
  };
  return {
    land: (id, landed, signal) =>
      inTurn(id, async () => {
        await land(id, landed, signal);
        closeOf(id, landed.move);
      }),
    expect: (coming, key, signal) => inTurn(coming.id, () => expect(coming, key, signal)),
    stop: () => {
      for (const id of [...awaited.keys()]) close(id);
    },
  };

  async function expect(coming: Coming, key: Uint8Array, signal: AbortSignal): Promise<Way> {
    const address = addressOf(deps, coming);
    // Whoever is asked for anew is not to come by the way of before.
    close(coming.id);
    const there: Landing = await landing(deps).awaitGuest(coming, signal);
    const accept = (channel: string, stream: Duplex): void =>
      channel === GO ? void go(coming, stream) : there.accept(channel, stream);
    const listening = await listen({ address, ports: deps.ports, key, accept });
    awaited.set(coming.id, { ...listening, move: coming.move });
    log.info({ guest: coming.name, port: listening.port }, 'a guest is awaited');
    return { address, port: listening.port, told: there.told };
  }
}

function landing({ driver, host }: ReceivingDeps): Pick<Required<HypervisorDriver>, 'awaitGuest' | 'landGuest'> {
  const { awaitGuest, landGuest } = driver;
  if (awaitGuest && landGuest) return { awaitGuest, landGuest };
  throw new Failure('verb-unsupported', { driver: driver.kind, host, verb: 'guest.migrate' });
}

function addressOf({ address, host }: ReceivingDeps, { name }: Coming): string {
  const found = address();
  if (found !== undefined) return found;
  const problem = `${host} has no address for it: name \`networks.underlay\` or \`migration.address\` in its configuration`;
  throw new Failure('migration-unfit', { guest: name, to: host, problem });
}
