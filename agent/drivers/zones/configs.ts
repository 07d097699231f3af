import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Run } from '#agent/exec/run.ts';
import { isMissing } from '#agent/files/folder.ts';
import { exportZone } from './commands.ts';
import { parseZoneConfig, type ZoneConfig } from './zone-config.ts';

/** Configurations of zones as zonecfg tells them, each asked for once as long as it does not change. */
export interface Configs {
  /** @throws Failure guest-not-found */
  read(zone: string, signal: AbortSignal): Promise<{ text: string; config: ZoneConfig }>;
  /** Changes whenever the configuration does; undefined where that cannot be seen. */
  stampOf(zone: string): Promise<string | undefined>;
}

/**
 * A process for each zone takes 10 ms, which is much for 500 zones. zonecfg writes a file for each, anew at every change: its time and its number
 * tell whether what is known still holds. Where there is no such file, it is asked every time.
 *
 * @param folder where zonecfg keeps them: `/etc/zones`
 */
export function configsBy({ run, folder }: { run: Run; folder: string }): Configs {
  const known = new Map<string, { stamp: string; text: string; config: ZoneConfig }>();
  const stampOf = async (zone: string): Promise<string | undefined> => {
    try {
      const { mtimeNs, ino, size } = await stat(join(folder, `${zone}.xml`), { bigint: true });
      return `${mtimeNs} ${ino} ${size}`;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  };
  return {
    stampOf,
    read: async (zone, signal) => {
      const stamp = await stampOf(zone);
      const before = known.get(zone);
      if (before && before.stamp === stamp) return before;
      known.delete(zone);
      const text = await run(exportZone(zone), signal);
      const read = { text: `${text}\n`, config: parseZoneConfig(text) };
      if (stamp !== undefined) known.set(zone, { ...read, stamp });
      return read;
    },
  };
}
