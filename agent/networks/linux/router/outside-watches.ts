import { type FSWatcher, watch } from 'node:fs';
import { GIVEN } from './outside.ts';

/** Tells when a client of DHCP wrote what it was given: nothing of that is seen on the host, outside the router's network namespace. */
export interface OutsideWatches {
  /** Nothing happens where it has begun. */
  begin(router: string, folder: string): void;
  end(router: string): void;
  /** Returns what ends it. */
  watch(onChange: () => void): () => void;
}

export function outsideWatches(): OutsideWatches {
  const watchers = new Map<string, FSWatcher>();
  const listeners = new Set<() => void>();
  const end = (router: string): void => {
    watchers.get(router)?.close();
    watchers.delete(router);
  };
  return {
    begin: (router, folder) => {
      if (watchers.has(router)) return;
      const watcher = watch(folder, { persistent: false }, (_event, file) => {
        if (file === GIVEN) for (const listener of [...listeners]) listener();
      });
      // It begins anew when the router is next looked after.
      watcher.on('error', () => end(router));
      watchers.set(router, watcher);
    },
    end,
    watch: (onChange) => {
      listeners.add(onChange);
      return () => void listeners.delete(onChange);
    },
  };
}
