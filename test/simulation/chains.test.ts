import { simulate } from './chains/simulate.ts';

/**
 * A longer run: SKERRY_SIMULATION_RUNS=1000000. Other seeds: SKERRY_SIMULATION_FIRST=10001. One seed again:
 * SKERRY_SIMULATION_SEED=123. A seed that fails is in the message, with its chain.
 */
const RUNS = Number(process.env.SKERRY_SIMULATION_RUNS ?? 10_000);
const FIRST = Number(process.env.SKERRY_SIMULATION_FIRST ?? 1);
const SEED = process.env.SKERRY_SIMULATION_SEED;

describe('chains in a world with faults', function () {
  this.timeout(0);
  it(`hold their invariants and end well, ${SEED ? `seed ${SEED}` : `${RUNS} runs from seed ${FIRST}`}`, () => {
    if (SEED) simulate(Number(SEED));
    else for (let seed = FIRST; seed < FIRST + RUNS; seed++) simulate(seed);
  });
});
