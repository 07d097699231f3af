import type { Past } from '#shared/chain/plan.ts';
import type { NodeRun, Run } from '#shared/chain/run.ts';

/** How much the newest time counts against those before. */
const NEWEST = 0.5;

/** How long nodes took that are there now, and were not before: those that this run started or stopped itself, in one go. */
export function timesBetween(before: Run, after: Run, past: ReadonlyMap<string, Past>, now: number): Map<string, Past> {
  const times = new Map<string, Past>();
  after.nodes.forEach((node, at) => {
    const took = tookOf(before.nodes[at], node, now);
    if (took) times.set(node.name, smoothed(past.get(node.name), took));
  });
  return times;
}

function tookOf(before: NodeRun | undefined, after: NodeRun, now: number): Past | undefined {
  if (!before || before.phase === after.phase) return undefined;
  if (after.phase === 'ready' && after.mine && after.tries === 0 && after.upFrom > 0)
    return { startMs: now - after.upFrom };
  if (after.phase === 'stopped' && before.phase === 'stopping' && after.tries === 0)
    return { stopMs: now - before.since };
  return undefined;
}

function smoothed(past: Past | undefined, { startMs, stopMs }: Past): Past {
  const mixed = (old: number | undefined, took: number): number =>
    Math.round(old === undefined ? took : old + NEWEST * (took - old));
  return {
    ...past,
    ...(startMs === undefined ? {} : { startMs: mixed(past?.startMs, startMs) }),
    ...(stopMs === undefined ? {} : { stopMs: mixed(past?.stopMs, stopMs) }),
  };
}
