import { mkdir } from 'node:fs/promises';
import type { GuestImage } from '../guest/build.ts';
import { defineGuests } from './guests.ts';
import { type Host, startHost } from './host.ts';
import { type Kept, keep } from './keep.ts';
import { addressHost, joinSegment } from './links.ts';
import type { Machine } from './machine.ts';
import type { PlannedHost } from './plan.ts';
import type { ProcessId } from './processes.ts';
import { defineZones } from './zones.ts';

export interface RunningHost extends Host {
  readonly ended: Promise<void>;
}

export interface HostPartOptions {
  rigDir: string;
  plan: PlannedHost;
  stateFolder: string;
  names: ReadonlyMap<string, string>;
  image: GuestImage;
  /** The root that zones get a copy of. */
  zoneRoot: string;
  hasKvm: boolean;
  /** The machine that has the segment. */
  server: () => Promise<Machine>;
  started: (name: string, process: ProcessId) => void;
  say: (line: string) => void;
}

/** Keep a host running: its machine, joined to the segment, its libvirtd, and its guests defined. */
export function keepHost(options: HostPartOptions): Kept<RunningHost> {
  return keep({
    name: options.plan.name,
    start: () => start(options),
    end: (host) => host.machine.kill(),
    say: options.say,
  });
}

async function start(options: HostPartOptions): Promise<RunningHost> {
  const { rigDir, plan, stateFolder, names, image, zoneRoot, hasKvm, say } = options;
  await mkdir(stateFolder, { recursive: true, mode: 0o700 });
  const host = await startHost({ rigDir, name: plan.name, address: plan.address, stateFolder, names, hasKvm });
  try {
    await addressHost(host.machine, plan.address);
    await joinSegment(await options.server(), host.machine);
    host.machine.begin();
    await host.libvirtReady();
    const [guests, zones] = await Promise.all([
      defineGuests(host, stateFolder, plan.guests, image, hasKvm),
      defineZones(stateFolder, plan.zones, zoneRoot),
    ]);
    const defined = [...guests, ...zones];
    if (defined.length > 0) say(`${plan.name}: defined ${defined.join(', ')}`);
    options.started(plan.name, host.machine.init);
    return { ...host, ended: host.machine.ended };
  } catch (error) {
    await host.machine.kill();
    throw error;
  }
}
