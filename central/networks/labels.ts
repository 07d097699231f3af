const LABEL_MAX = 63;

/**
 * Names of guests as labels of DNS (RFC 1123): lower case, what cannot be in one as `-`. Two guests never have one label: of those whose names
 * come to the same, all but the first in order have a number behind it.
 */
export function labelsOf(guests: readonly string[]): Map<string, string> {
  const labels = new Map<string, string>();
  const sorted = [...new Set(guests)].sort();
  // Who has a label for a name keeps it, whoever else there is.
  for (const guest of sorted) if (labelOf(guest) === guest) labels.set(guest, guest);
  const taken = new Set(labels.values());
  for (const guest of sorted) {
    if (labels.has(guest)) continue;
    const label = freeLabel(labelOf(guest), taken);
    labels.set(guest, label);
    taken.add(label);
  }
  return labels;
}

function freeLabel(label: string, taken: ReadonlySet<string>): string {
  for (let n = 1; ; n++) {
    const end = n === 1 ? '' : `-${n}`;
    const made = `${label.slice(0, LABEL_MAX - end.length)}${end}`;
    if (!taken.has(made)) return made;
  }
}

const labelOf = (guest: string): string =>
  guest
    .toLowerCase()
    .replace(/\\[0-9a-f]{2}/g, '-')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, LABEL_MAX)
    .replace(/-+$/, '') || 'guest';
