/**
 * Responsibilities: look names up for connections, without taking the whole program's threads.
 *
 * Theory of operation: the system's resolver blocks a thread for as long as no name server answers, which is what a site that is
 * just starting looks like; Node has four threads, for files too. So few are asked at once, and the same question once for all.
 */
import { type LookupAddress, type LookupAllOptions, lookup as systemLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';

type Done = (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void;
/** The system's own `lookup` with `all`. */
export type LookupAll = (hostname: string, options: LookupAllOptions, done: Done) => void;

export function boundedLookup(atOnce: number, lookup: LookupAll = systemLookup): LookupFunction {
  const asking = new Map<string, Done[]>();
  const waiting: (() => void)[] = [];
  let busy = 0;

  const ask = (key: string, hostname: string, options: LookupAllOptions): void => {
    busy++;
    lookup(hostname, options, (error, addresses) => {
      busy--;
      const askers = asking.get(key) ?? [];
      asking.delete(key);
      waiting.shift()?.();
      for (const done of askers) done(error, addresses);
    });
  };
  return (hostname, options, callback) => {
    const all: LookupAllOptions = { ...options, all: true };
    const done: Done = (error, addresses) => {
      const [first] = addresses ?? [];
      if (error || options.all || !first) callback(error, addresses);
      else callback(null, first.address, first.family);
    };
    const key = JSON.stringify([hostname, options.family ?? 0, options.hints ?? 0]);
    const askers = asking.get(key);
    if (askers) {
      askers.push(done);
      return;
    }
    asking.set(key, [done]);
    if (busy < atOnce) ask(key, hostname, all);
    else waiting.push(() => ask(key, hostname, all));
  };
}
