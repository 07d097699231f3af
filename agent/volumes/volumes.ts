import { join } from 'node:path';
import type { AgentConfig } from '#agent/config.ts';
import type { Run } from '#agent/exec/run.ts';
import type { VolumeDriver } from './driver.ts';
import { type Exports, type ExportsDeps, keptExports } from './exports.ts';
import { qemuVolumes } from './qemu/driver.ts';

/** Volumes of this host, and which of them are exported. */
export interface Volumes {
  driver: VolumeDriver;
  exports: Exports;
  /** Where exports may listen. */
  addresses: readonly string[];
  ports: { from: number; to: number };
}

/** Undefined where the configuration names no folder for them. */
export function volumesOf(
  { volumes, state, host }: AgentConfig,
  { run, ...deps }: Omit<ExportsDeps, 'driver'> & { run: Run },
): Volumes | undefined {
  if (!volumes) return undefined;
  const { folder, addresses, ports } = volumes;
  const driver = qemuVolumes({ run, host, folder, services: join(state, 'exports') });
  return { driver, addresses, ports, exports: keptExports({ driver, ...deps }) };
}
