/**
 * Many runs of chains in a world with faults, for longer than tests may take: `npm run simulate`. Other seeds:
 * `npm run simulate -- --first 3000001 --runs 100000`. A seed that fails is told with its chain, and the others go on;
 * `SKERRY_SIMULATION_SEED=N npx mocha --no-config test/simulation/chains.test.ts` is that one again.
 */
import { parseArgs } from 'node:util';
import { messageOf } from '#shared/errors.ts';
import { simulate } from './simulate.ts';

const TELL_EVERY = 25_000;
const { values } = parseArgs({
  options: { first: { type: 'string', default: '1' }, runs: { type: 'string', default: '1000000' } },
});
const first = countOf('first', values.first);
const runs = countOf('runs', values.runs);

function countOf(option: string, text: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new Error(`--${option} ${text}: a whole number above 0 is due`);
}

const failed: number[] = [];
const beganAt = performance.now();
for (let done = 1; done <= runs; done++) {
  const seed = first + done - 1;
  try {
    simulate(seed);
  } catch (error) {
    failed.push(seed);
    process.stderr.write(`${messageOf(error)}\n`);
  }
  if (done % TELL_EVERY !== 0 && done !== runs) continue;
  const tookS = Math.round((performance.now() - beganAt) / 1_000);
  process.stdout.write(`${done} of ${runs} runs, seeds from ${first}: ${failed.length} failed, ${tookS} s\n`);
}
if (failed.length > 0) process.stderr.write(`failed: ${failed.join(', ')}\n`);
process.exitCode = failed.length > 0 ? 1 : 0;
