import { graphOf } from '#test/unit/support/chains/notation.ts';
import { player } from '#test/unit/support/chains/player.ts';

/**
 * A file of stories, with what comes of each line written anew:
 *
 *     ## what it shows
 *     a : retries 1
 *     b <- a
 *       0s  a b are down; up
 *           > a starting !start
 *           > b waiting
 *       5s  a no: no memory
 *           > a retrying (no memory)
 *
 * First the graph (notation.ts), then times with what happens (player.ts), under each what the engine does. Lines that
 * begin with one `#` are for readers.
 */
export function played(text: string): string {
  return text
    .split(/^(?=## )/m)
    .map((story) => (story.startsWith('## ') ? toldAnew(story) : story))
    .join('');
}

const WHEN = /^ {2}(\d+)(ms|s|m)(?: +(.*))?$/;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000 };

function toldAnew(story: string): string {
  const lines = story.trimEnd().split('\n');
  const graph = lines.slice(1).filter((line) => /^\w/.test(line));
  const p = player(graphOf(...graph));
  const told = lines.flatMap((line) => {
    if (/^ +> /.test(line)) return [];
    const [, count, unit = '', words = ''] = WHEN.exec(line) ?? [];
    if (count === undefined) return [line];
    const came = p.at(Number(count) * (UNIT_MS[unit] ?? 1), words);
    return [`  ${`${count}${unit}`.padEnd(5)} ${words}`.trimEnd(), ...came.map((each) => `        > ${each}`)];
  });
  return `${told.join('\n')}\n${story.endsWith('\n\n') ? '\n' : ''}`;
}
