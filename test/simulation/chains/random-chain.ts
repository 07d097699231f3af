import type { Random } from './random.ts';

/** A chain of up to eight nodes in the notation of test/unit/support/chains/notation.ts, some of them in a group. */
export function randomChain(random: Random): string[] {
  const count = random.of([1, 2, 3, 3, 4, 4, 5, 6, 7]);
  const names = Array.from({ length: count }, (_, at) => `n${at}`);
  const edges = random.of([0.2, 0.4, 0.7]);
  const groupAt = count > 2 && random.chance(0.3) ? random.between(2, count - 1) : undefined;
  const inGroup = groupAt === undefined ? [] : names.slice(0, groupAt).filter(() => random.chance(0.6));
  const lines = names.map((name, at) => {
    // A member may not wait for its own group, and nobody for what comes after it.
    const before = [
      ...names.slice(0, at),
      ...(inGroup.length > 0 && groupAt !== undefined && at >= groupAt ? ['g'] : []),
    ];
    const after = before
      .filter(() => random.chance(edges))
      .map((other) => other + random.of(['', '', '', '(soft)', '(started)', '(started soft)']));
    const keys = keysOf(random);
    if (!keys.includes('check')) keys.push(...kindOf(count, at));
    return name + (after.length > 0 ? ` <- ${after.join(' ')}` : '') + (keys.length > 0 ? ` : ${keys.join(', ')}` : '');
  });
  if (inGroup.length > 0)
    lines.push(`g = ${inGroup.join(' ')}${random.chance(0.7) ? ` : at-once ${random.between(1, 2)}` : ''}`);
  return lines;
}

/** Not by chance: the seeds of before make the same chains. Most are guests. */
const kindOf = (count: number, at: number): string[] =>
  [[], ['network'], [], ['router'], ['export']][(3 * count + at) % 5] ?? [];

function keysOf(random: Random): string[] {
  const maybe = (probability: number, ...keys: string[]): string[] =>
    random.chance(probability) ? [random.of(keys)] : [];
  const isCheck = random.chance(0.1);
  return [
    ...(isCheck ? ['check', 'answers'] : maybe(0.4, 'answers', 'answers 2', 'answers 1 10s')),
    ...maybe(0.7, 'timeout 20s', 'timeout 60s'),
    ...maybe(0.5, 'retries 1 1s', 'retries 2 1s', 'retries 4 500ms'),
    ...maybe(0.2, 'delay 3s'),
    ...maybe(0.6, 'on-failure continue', 'on-failure continue', 'on-failure rollback'),
    ...maybe(0.1, 'hold'),
    ...maybe(0.3, 'stop-how force', 'stop-timeout 10s'),
    ...maybe(0.2, 'stop-then fail'),
    ...(isCheck ? [] : maybe(0.3, 'keep', 'keep 3 2m', 'keep 4 5m dependents', 'keep 2 1m dependents')),
  ];
}
