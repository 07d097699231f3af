import type { LaneEnd } from './run.ts';

/** Print lanes one after the other, the first that has not ended as it comes. */
export function inTurn(names: readonly string[], print: (text: string) => void) {
  const held = new Map(names.map((name) => [name, '']));
  const ended = new Set<string>();
  const first = (): string | undefined => names.find((name) => !ended.has(name));
  let live = first();
  return {
    say(name: string, text: string): void {
      if (name === live) print(text);
      else held.set(name, (held.get(name) ?? '') + text);
    },
    end(name: string): void {
      ended.add(name);
      // A lane that ended before its turn is printed whole when it comes to it.
      for (const each of names.slice(names.indexOf(live ?? ''))) {
        if (each !== live) print(held.get(each) ?? '');
        live = each;
        if (!ended.has(each)) return;
      }
    },
  };
}

const LONGEST = 12;

/** Where the time went, what failed, and as the last line `N passed, N failed, N skipped` of all lanes. */
export function summary(ends: readonly LaneEnd[], tookMs: number): string {
  const counts = ends.flatMap((end) => end.counts ?? []);
  const sum = (key: 'passes' | 'failures' | 'pending'): number => counts.reduce((total, each) => total + each[key], 0);
  const died = ends.filter((end) => end.counts === undefined);
  const files = counts.flatMap((each) => Object.entries(each.files)).sort(([, a], [, b]) => b - a);
  return [
    `All took ${seconds(tookMs)}. The longest:`,
    ...files.slice(0, LONGEST).map(([file, ms]) => `  ${seconds(ms).padStart(6)}  ${file}`),
    ...counts.flatMap(({ failed }) => failed).map((each) => `Failed: ${each.file}: ${each.title}: ${each.message}`),
    ...died.map(({ lane, exitCode }) => `The lane "${lane.name}" died (${exitCode}) before its end.`),
    `${sum('passes')} passed, ${sum('failures') + died.length} failed, ${sum('pending')} skipped`,
  ].join('\n');
}

const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;
