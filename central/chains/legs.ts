import type { Clock } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';

export interface LegsDeps {
  /** Resolves when the host has a leg there, or has been told. @throws Failure */
  lookFrom(network: string, host: string): Promise<unknown>;
  clock: Clock;
  /** What is known of a leg is something else. */
  changed(): void;
  onBug(error: unknown): void;
}

/** A network and the host that shall look from it. */
export interface Leg {
  network: string;
  host: string;
}

/** Legs of hosts on networks that runs look from: each is asked for until it is there, or not wanted any more. */
export interface Legs {
  want(legs: readonly Leg[]): void;
  /** Why a host cannot look from there. */
  problemOf(leg: Leg): string | undefined;
  stop(): void;
}

const AGAIN_MS = 10_000;

export function legsOf({ lookFrom, clock, changed, onBug }: LegsDeps): Legs {
  const wanted = new Map<string, { leg: Leg; problem?: string; callOff(): void }>();
  const keyOf = ({ network, host }: Leg): string => `${network} ${host}`;

  const ask = async (key: string): Promise<void> => {
    const entry = wanted.get(key);
    if (!entry) return;
    const { network, host } = entry.leg;
    try {
      await lookFrom(network, host);
      delete entry.problem;
    } catch (error) {
      if (!(error instanceof Failure)) return onBug(error);
      entry.problem = `${host} cannot look from ${network}: ${error.message}`;
      if (wanted.get(key) === entry) entry.callOff = clock.after(AGAIN_MS, () => void ask(key));
    }
    changed();
  };
  const want = (legs: readonly Leg[]): void => {
    const keys = new Set(legs.map(keyOf));
    for (const [key, { callOff }] of wanted)
      if (!keys.has(key)) {
        callOff();
        wanted.delete(key);
      }
    for (const leg of legs) {
      const key = keyOf(leg);
      if (wanted.has(key)) continue;
      wanted.set(key, { leg, callOff: () => {} });
      void ask(key);
    }
  };
  return { want, problemOf: (leg) => wanted.get(keyOf(leg))?.problem, stop: () => want([]) };
}
