import { join } from 'node:path';
import type { AgentConfig } from '#agent/config.ts';
import type { Run } from '#agent/exec/run.ts';
import { messageOf } from '#shared/errors.ts';
import type { VolumeDriver } from './driver.ts';
import { type Exports, type ExportsDeps, keptExports } from './exports.ts';
import { endServers, qemuVolumes } from './qemu/driver.ts';

type VolumesDeps = Omit<ExportsDeps, 'driver'> & { run: Run };

/** Volumes of this host, and which of them are exported. */
export interface Volumes {
  driver: VolumeDriver;
  exports: Exports;
  /** Where exports may listen. */
  addresses: readonly string[];
  ports: { from: number; to: number };
}

const servicesOf = ({ state }: Pick<AgentConfig, 'state'>): string => join(state, 'exports');
const END_MS_MAX = 60_000;

/** Where the configuration names no folder for volumes any more, what was exported until then is not any more. It is wanted again when it does. */
export async function endLeft(
  config: Pick<AgentConfig, 'state'>,
  { run, log }: Pick<VolumesDeps, 'run' | 'log'>,
): Promise<void> {
  try {
    const ended = await endServers({ run, services: servicesOf(config) }, AbortSignal.timeout(END_MS_MAX));
    if (ended.length > 0) log.warn({ volumes: ended }, 'no volumes are configured: they are exported no more');
  } catch (error) {
    log.warn({ problem: messageOf(error) }, 'what was exported may be so still');
  }
}

/** Undefined where the configuration names no folder for them. */
export function volumesOf({ volumes, state, host }: AgentConfig, { run, ...deps }: VolumesDeps): Volumes | undefined {
  if (!volumes) return undefined;
  const { folder, addresses, ports } = volumes;
  const driver = qemuVolumes({ run, host, folder, services: servicesOf({ state }) });
  return { driver, addresses, ports, exports: keptExports({ driver, ...deps }) };
}
