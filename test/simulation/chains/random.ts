/** Random numbers that the seed decides (mulberry32): the same seed plays the same run again. */
export interface Random {
  /** From 0 up to, not including, 1. */
  real(): number;
  /** A whole number from least to most, both included. */
  between(least: number, most: number): number;
  chance(probability: number): boolean;
  of<Value>(values: readonly Value[]): Value;
}

export function randomOf(seed: number): Random {
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0;
  const real = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (least: number, most: number): number => least + Math.floor(real() * (most - least + 1));
  return {
    real,
    between,
    chance: (probability) => real() < probability,
    of: (values) => values[between(0, values.length - 1)] as (typeof values)[number],
  };
}
