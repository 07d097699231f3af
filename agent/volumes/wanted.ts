import { z } from 'zod';
import type { Settings } from '#agent/journal/settings.ts';
import { Export } from '#shared/model/volume.ts';

/** What is to be exported, kept over restarts. */
export interface WantedExports {
  get(volume: string): Export | undefined;
  all(): Export[];
  /** It is on the disk when this returns; what cannot be kept is as it was. @throws Failure host-space */
  put(volume: string, next: Export | undefined): void;
}

const KEY = 'exports';

export function wantedExports(settings: Settings): WantedExports {
  const text = settings.get(KEY);
  const kept = text === undefined ? [] : z.array(Export).parse(JSON.parse(text));
  let wanted: ReadonlyMap<string, Export> = new Map(kept.map((each) => [each.volume, each]));
  return {
    get: (volume) => wanted.get(volume),
    all: () => [...wanted.values()],
    put: (volume, next) => {
      const changed = new Map(wanted);
      if (next) changed.set(volume, next);
      else changed.delete(volume);
      settings.set(KEY, JSON.stringify([...changed.values()]));
      wanted = changed;
    },
  };
}
