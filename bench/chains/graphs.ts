import { Chain } from '#shared/model/chain.ts';

/** Numbers that look random and are the same in every run (mulberry32). */
export function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

const LAYERS = 20;

/** A chain of so many guests in 20 layers: each waits for two of the layer before, or for one of any before. */
export function layered(count: number, hosts: number): unknown {
  const random = numbers(count);
  const perLayer = Math.ceil(count / LAYERS);
  const nodes = Array.from({ length: count }, (_, at): [string, unknown] => {
    const layer = Math.floor(at / perLayer);
    const before = layer === 0 ? [] : [random(perLayer), random(perLayer)].map((n) => (layer - 1) * perLayer + n);
    const any = layer > 1 && random(4) === 0 ? [random((layer - 1) * perLayer)] : [];
    const after = [...new Set([...before, ...any])].map((each) => `n${each}`);
    return [`n${at}`, { host: `host${at % hosts}`, after, timeout: '1h' }];
  });
  return { chain: 'site', nodes: Object.fromEntries(nodes) };
}

export const chainOf = (count: number, hosts = 50): Chain => Chain.parse(layered(count, hosts));

/** The plainest walk of the same graph in order: arrays of numbers, one pass (Kahn). @returns how many were reached */
export function walk(edges: readonly (readonly number[])[]): number {
  const missing = edges.map((after) => after.length);
  const before: number[][] = edges.map(() => []);
  edges.forEach((after, at) => {
    for (const each of after) before[each]?.push(at);
  });
  const order = edges.flatMap((after, at) => (after.length === 0 ? [at] : []));
  for (let at = 0; at < order.length; at++)
    for (const next of before[order[at] as number] ?? []) {
      const left = (missing[next] as number) - 1;
      missing[next] = left;
      if (left === 0) order.push(next);
    }
  return order.length;
}
