/** Times of one thing that was done many times, in ms. */
export interface Times {
  p50Ms: number;
  p99Ms: number;
  count: number;
}

/** One line of the table. `aim` is a bound on `ratio`, where there is one. */
export interface Figure {
  name: string;
  value: string;
  floor?: string;
  ratio?: number;
  aim?: number;
  note?: string;
}

export function timesOf(samplesMs: readonly number[]): Times {
  const sorted = samplesMs.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { p50Ms: at(0.5), p99Ms: at(0.99), count: sorted.length };
}

/** Do each of several things `rounds` times, in turn, so that what disturbs the machine disturbs all alike. */
export async function inTurn<Name extends string>(
  rounds: number,
  things: Readonly<Record<Name, (round: number) => Promise<void>>>,
  warmUp = Math.ceil(rounds / 10),
): Promise<Record<Name, Times>> {
  const names = Object.keys(things) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, number[]>;
  for (let round = -warmUp; round < rounds; round++) {
    for (const name of names) {
      const begin = performance.now();
      await things[name](round);
      if (round >= 0) samples[name].push(performance.now() - begin);
    }
  }
  return Object.fromEntries(names.map((name) => [name, timesOf(samples[name])])) as Record<Name, Times>;
}

/** How many a second, with `width` always under way. */
export async function rate(total: number, width: number, thing: (n: number) => Promise<void>): Promise<number> {
  let next = 0;
  const begin = performance.now();
  const lane = async (): Promise<void> => {
    while (next < total) await thing(next++);
  };
  await Promise.all(Array.from({ length: width }, lane));
  return (total * 1000) / (performance.now() - begin);
}

export const ms = (value: number): string => `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ms`;

/** p50 and p99 of a thing against its floor, as two lines. */
export function against(
  name: string,
  thing: Times,
  floor: Times,
  floorName: string,
  aims: { p50?: number; p99?: number } = {},
): Figure[] {
  return (['p50', 'p99'] as const).map((which) => ({
    name: `${name}, ${which}`,
    value: ms(thing[`${which}Ms`]),
    floor: `${floorName} ${ms(floor[`${which}Ms`])}`,
    ratio: thing[`${which}Ms`] / floor[`${which}Ms`],
    ...(aims[which] === undefined ? {} : { aim: aims[which] }),
  }));
}

/** The table as text; Markdown reads it too. */
export function tableOf(figures: readonly Figure[]): string {
  const rows = figures.map((f) => [
    f.name,
    f.value,
    f.floor ?? '',
    f.ratio === undefined ? '' : f.ratio.toFixed(2),
    f.aim === undefined ? '' : `${(f.ratio ?? 0) <= f.aim ? 'held' : 'MISSED'} (${f.aim})`,
    f.note ?? '',
  ]);
  const head = ['what', 'here', 'floor or peer, same run', 'ratio', 'aim', 'note'];
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}
