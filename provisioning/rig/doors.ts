import { readFile, writeFile } from 'node:fs/promises';
import { type Relay, relay } from './relay.ts';

/** The ways in for clients of this machine, each a port of 127.0.0.1. */
export const DOORS = ['starttls', 'directTls', 'http'] as const;
export type DoorName = (typeof DOORS)[number];

export interface Doors {
  readonly ports: Readonly<Record<DoorName, number>>;
  close(): void;
}

/**
 * Open the doors, on the ports that they had before where those are free, and remember them.
 * @param targetOf the UNIX socket that a door leads to at the moment, if any
 */
export async function openDoors(portsFile: string, targetOf: (door: DoorName) => string | undefined): Promise<Doors> {
  const before: Partial<Record<DoorName, number>> = await readFile(portsFile, 'utf8').then(JSON.parse, () => ({}));
  const relays: Relay[] = [];
  const ports: Partial<Record<DoorName, number>> = {};
  for (const door of DOORS) {
    const opened = await relay(before[door], () => targetOf(door));
    relays.push(opened);
    ports[door] = opened.port;
  }
  await writeFile(portsFile, `${JSON.stringify(ports, null, 2)}\n`);
  return {
    ports: ports as Record<DoorName, number>,
    close: () => relays.forEach((each) => void each.close()),
  };
}
