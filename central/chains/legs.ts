import type { Clock } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';

export interface LegsDeps {
  /** Resolves when the host has a leg there, or has been told, with what lets go of it. @throws Failure */
  lookFrom(network: string, host: string): Promise<Disposable>;
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
  const wanted = new Map<string, { leg: Leg; problem?: string; end(): void }>();
  const keyOf = ({ network, host }: Leg): string => `${network} ${host}`;

  const ask = async (key: string): Promise<void> => {
    const entry = wanted.get(key);
    if (!entry) return;
    const { network, host } = entry.leg;
    try {
      const held = await lookFrom(network, host);
      const end = (): void => held[Symbol.dispose]();
      if (wanted.get(key) !== entry) return end();
      entry.end = end;
      delete entry.problem;
    } catch (error) {
      if (!(error instanceof Failure)) return onBug(error);
      entry.problem = `${host} cannot look from ${network}: ${error.message}`;
      if (wanted.get(key) === entry) entry.end = clock.after(AGAIN_MS, () => void ask(key));
    }
    changed();
  };
  const want = (legs: readonly Leg[]): void => {
    const keys = new Set(legs.map(keyOf));
    for (const [key, { end }] of wanted)
      if (!keys.has(key)) {
        end();
        wanted.delete(key);
      }
    for (const leg of legs) {
      const key = keyOf(leg);
      if (wanted.has(key)) continue;
      wanted.set(key, { leg, end: () => {} });
      void ask(key);
    }
  };
  return { want, problemOf: (leg) => wanted.get(keyOf(leg))?.problem, stop: () => want([]) };
}
