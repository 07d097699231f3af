/** Words near a mistyped one: for "did you mean". */
export function nearest(word: string, known: Iterable<string>, count = 3): string[] {
  const lower = word.toLowerCase().slice(0, 64);
  const bound = Math.max(1, Math.floor(lower.length / 3));
  const scored = [...known].map((candidate) => ({
    candidate,
    distance: distance(lower, candidate.toLowerCase().slice(0, 64)),
  }));
  return scored
    .filter((each) => each.distance <= bound || each.candidate.toLowerCase().startsWith(lower))
    .toSorted((a, b) => a.distance - b.distance || a.candidate.localeCompare(b.candidate))
    .slice(0, count)
    .map((each) => each.candidate);
}

/** Edits between two words, a swap of neighbours counted once (optimal string alignment). */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min((row[j - 1] ?? 0) + 1, (last[j] ?? 0) + 1, (last[j - 1] ?? 0) + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, (before[j - 2] ?? 0) + 1);
      row.push(best);
    }
    before = last;
    last = row;
  }
  return last[b.length] ?? 0;
}

/** ` Did you mean a, b?`, or nothing. */
export function didYouMean(word: string, known: Iterable<string>): string {
  const near = nearest(word, known);
  return near.length > 0 ? ` Did you mean ${near.join(', ')}?` : '';
}
