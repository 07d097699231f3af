import { type Document, isMap, isNode, isSeq, type LineCounter, type Node, visit } from 'yaml';

/** Finds where in a text of YAML something is. */
export interface Places {
  /** The offset of what is at a path; where that is missing, of what it should have been in. */
  offsetOf(path: readonly PropertyKey[]): number;
  /** An offset as people count: `LINE:COLUMN`, both from 1. */
  spoken(offset: number): string;
}

/** The parts of each map are indexed once, so that many errors in a large file are found quickly. */
export function placesIn(document: Document, lines: LineCounter): Places {
  const indexes = new Map<Node, Map<string, { key: Node; value: unknown }>>();
  const indexOf = (node: Node): Map<string, { key: Node; value: unknown }> => {
    const known = indexes.get(node);
    if (known) return known;
    const index = partsOf(node);
    indexes.set(node, index);
    return index;
  };
  return {
    offsetOf(path) {
      let at: unknown = document.contents;
      let offset = startOf(at) ?? 0;
      for (const step of path) {
        const part = isNode(at) ? indexOf(at).get(String(step)) : undefined;
        if (!part) break;
        offset = startOf(part.key) ?? offset;
        at = part.value;
      }
      return offset;
    },
    spoken(offset) {
      const { line, col } = lines.linePos(offset);
      return `${Math.max(1, line)}:${Math.max(1, col)}`;
    },
  };
}

const startOf = (node: unknown): number | undefined => (isNode(node) ? node.range?.[0] : undefined);

function partsOf(node: Node): Map<string, { key: Node; value: unknown }> {
  const parts = new Map<string, { key: Node; value: unknown }>();
  if (isMap(node)) for (const { key, value } of node.items) if (isNode(key)) parts.set(String(key), { key, value });
  if (isSeq(node))
    node.items.forEach((item, at) => {
      if (isNode(item)) parts.set(`${at}`, { key: item, value: item });
    });
  return parts;
}

/** The offsets of keys that their map has already. The library can look for them too, in the square of their number. */
export function keysThereTwice(document: Document): number[] {
  const twice: number[] = [];
  visit(document, {
    Map(_, { items }) {
      const seen = new Set<string>();
      for (const { key } of items) {
        const name = String(key);
        if (seen.has(name)) twice.push(startOf(key) ?? 0);
        seen.add(name);
      }
    },
  });
  return twice;
}
