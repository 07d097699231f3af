import { run } from '#agent/exec/run.ts';
import { type Figure, ms, timesOf } from '../figures.ts';

/** How many times the floor the agent's part may take. */
export const AIM = 1.5;
const TIMEOUT_MS = 30_000;

export const signal = (): AbortSignal => AbortSignal.timeout(TIMEOUT_MS);

/** One process, by the same door as the agent's own. */
export const tool = (file: string, args: readonly string[], input?: string): Promise<string> =>
  run({ file, args, timeoutMs: TIMEOUT_MS, ...(input === undefined ? {} : { input }) }, signal());
export const batch = (file: 'ip' | 'bridge', lines: readonly string[], space?: string): Promise<string> =>
  tool(file, [...(space === undefined ? [] : ['-n', space]), '-batch', '-'], `${lines.join('\n')}\n`);
/** A program in a network namespace. */
export const within = (space: string, argv: readonly string[], input?: string): Promise<string> =>
  tool('ip', ['netns', 'exec', space, ...argv], input);

/** How long things took that are done once in each round. */
export class Watches<Name extends string> {
  readonly #samples = new Map<Name, number[]>();

  /** What was measured so far was to warm up. */
  forget(): void {
    this.#samples.clear();
  }

  async time(name: Name, work: () => Promise<unknown>): Promise<void> {
    const begin = performance.now();
    await work();
    const known = this.#samples.get(name) ?? [];
    this.#samples.set(name, [...known, performance.now() - begin]);
  }

  /** The middle of some things together, in ms. */
  middleMs(names: readonly Name[]): number {
    return names.reduce((sum, name) => sum + timesOf(this.#samples.get(name) ?? []).p50Ms, 0);
  }

  /** What the agent took against what it took by hand. */
  against(name: string, ours: readonly Name[], floor: readonly Name[], floorName: string, isAimed = true): Figure {
    const [here, by] = [this.middleMs(ours), this.middleMs(floor)];
    return {
      ...{ name, value: ms(here), floor: `${floorName} ${ms(by)}`, ratio: here / by },
      ...(isAimed ? { aim: AIM } : {}),
    };
  }
}
