import { spokenMs } from '#shared/model/duration.ts';
import type { Plan } from './plan.ts';

const NAMED_MAX = 8;

/** A plan for people, a line each thing: what is done, how long it takes, the waves, and what is in the way. */
export function planLines(plan: Plan): string[] {
  const { chain, goal, waves, critical, held, unheard, refused, adopted } = plan;
  const count = waves.reduce((sum, wave) => sum + wave.length, 0);
  const waits = Map.groupBy(unheard, ({ host }) => host);
  const against = Map.groupBy(refused, ({ run }) => run);
  return [
    `chain ${goal} ${chain}: ${count === 0 ? 'there is nothing to do' : `${counted(count, 'node')} in ${counted(waves.length, 'wave')}, ${timeOf(plan)}`}.`,
    ...waves.map((wave, at) => `${at + 1}. ${listed(wave)}`),
    ...(critical.path.length > 1 ? [`Longest way: ${shortened(critical.path).join(' → ')}.`] : []),
    ...(adopted.length > 0 ? [`${goal === 'up' ? 'Up' : 'Down'} already: ${listed(adopted)}.`] : []),
    ...(held.length > 0 ? [`Held until released: ${listed(held)}.`] : []),
    ...[...waits].map(([host, nodes]) => `Waits until ${host} is heard of: ${listed(nodes.map(({ node }) => node))}.`),
    ...[...against].map(
      ([run, nodes]) =>
        `Refused: the run ${run} is taking ${listed(nodes.map(({ node }) => node))} ${goal === 'up' ? 'down' : 'up'}.`,
    ),
  ];
}

function timeOf({ expectedMs, unknown, critical }: Plan): string {
  if (unknown.length > 0 && expectedMs === 0) return 'for how long is not known yet';
  const slower =
    expectedMs > critical.ms ? ` (${spokenMs(critical.ms)} if no group bounded how many start at once)` : '';
  if (unknown.length === 0) return `about ${spokenMs(expectedMs)}${slower}`;
  return `at least ${spokenMs(expectedMs)}, since it is not known how long ${listed(unknown)} will take`;
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

function listed(names: readonly string[]): string {
  const more = names.length - NAMED_MAX;
  return names.slice(0, NAMED_MAX).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** Both ends of a long way. */
function shortened(path: readonly string[]): readonly string[] {
  const half = NAMED_MAX / 2;
  return path.length <= NAMED_MAX
    ? path
    : [...path.slice(0, half), `${path.length - 2 * half} more`, ...path.slice(-half)];
}
