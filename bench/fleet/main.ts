/** Central and a fleet: `npm run bench -- --fleet [--hosts N] [--guests N] [--workers N] [--quick]`. */
import { parseArgs } from 'node:util';
import { type Figure, tableOf } from '../figures.ts';
import { type FleetSize, startFleet } from './fleet.ts';
import { agreement, converging, curve, eventToPresence, fanOut, machine, reporting } from './measure.ts';
import { monotonicMs } from './messages.ts';

const QUICK: FleetSize = { hosts: 20, guests: 10, workers: 2 };
const FULL: FleetSize = { hosts: 1_000, guests: 100, workers: 4 };

/** @returns the size that the command line asks for */
export function sizeOf(argv: readonly string[]): FleetSize {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...argv],
    options: { hosts: text, guests: text, workers: text, quick: { type: 'boolean' } },
    strict: false,
  });
  const size = values.quick ? QUICK : FULL;
  const number = (given: unknown, otherwise: number): number => (given === undefined ? otherwise : Number(given));
  return {
    hosts: number(values.hosts, size.hosts),
    guests: number(values.guests, size.guests),
    workers: number(values.workers, size.workers),
  };
}

/** Print the figures as they come, then the table. */
export async function benchFleet(size: FleetSize): Promise<void> {
  const figures: Figure[] = [];
  const add = (...all: Figure[]): void => {
    for (const { name, value } of all) console.error(`${name}: ${value}`);
    figures.push(...all);
  };
  const curves: string[] = [];
  const fleet = await startFleet(size);
  const { central, server } = fleet;
  try {
    const emptyMiB = await central.memoryMiB();
    add(await converging(fleet, 'all begin and connect', 0, true, fleet.startCrews));
    const fullMiB = await central.memoryMiB();
    const perGuestKiB = ((fullMiB - emptyMiB) * 1024) / (size.hosts * size.guests);
    add({
      name: "central's memory (RSS)",
      value: `${fullMiB.toFixed(0)} MiB`,
      floor: `before any host ${emptyMiB.toFixed(0)} MiB`,
      note: `${perGuestKiB.toFixed(1)} KiB a guest`,
    });
    add(...(await eventToPresence(fleet, 200)));
    add(await reporting(fleet, 4));
    add(...(await fanOut(fleet)));
    await central.kill9();
    await fleet.switchAll(1, true);
    add(await converging(fleet, "after central's kill -9 and start", 1, true, () => central.start()));
    await server.kill9();
    const lost = monotonicMs();
    await fleet.switchAll(0, false);
    add(await converging(fleet, "after ejabberd's kill -9 and start", 0, false, () => server.start()));
    curves.push(await curve(fleet, lost));
    console.error(curves.join('\n'));
    add(await agreement(fleet));
  } finally {
    console.log(
      `${size.hosts} hosts with ${size.guests} guests each, in ${size.workers} processes; ${await machine()}\n`,
    );
    console.log(tableOf(figures));
    for (const each of curves) console.log(`\nAfter ejabberd's kill -9:\n${each}`);
    await fleet.stop();
  }
}
