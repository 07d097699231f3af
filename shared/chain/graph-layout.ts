import type { Box } from './graph.ts';

/** Where a box is, in pixels. */
export interface Spot {
  x: number;
  y: number;
  width: number;
}

export interface Layout {
  spots: readonly Spot[];
  width: number;
  height: number;
}

export const BOX_HEIGHT = 38;
const ROW = BOX_HEIGHT + 14;
const GAP = 64;
const NARROW_GAP = 16;
const MARGIN = 20;
/** Widths of letters as most fonts have them, in the first and the second line of a box. */
const LETTER_WIDTHS = [8.2, 6.4] as const;
/** A column is broken into several when it has more than this, or than the square root of all by this factor. */
const ROWS_MIN = 12;
const ROWS_FACTOR = 1.5;

/**
 * Places for boxes, in columns from left to right: each in a column behind all that it waits for, and in it about as high as
 * those. A chain has its layers by what it is; nothing is optimised.
 */
export function layoutOf(boxes: readonly Box[]): Layout {
  const rowsMax = Math.max(ROWS_MIN, Math.ceil(Math.sqrt(boxes.length) * ROWS_FACTOR));
  const spots: Spot[] = [];
  let x = MARGIN;
  let height = 0;
  for (const layer of layersOf(boxes)) {
    const inOrder = byHeight(layer, boxes, spots);
    for (let from = 0; from < inOrder.length; from += rowsMax) {
      if (from > 0) x += NARROW_GAP - GAP;
      const column = inOrder.slice(from, from + rowsMax);
      const width = column.reduce((most, at) => Math.max(most, widthOf(boxes[at] as Box)), 0);
      column.forEach((at, row) => {
        spots[at] = { x, y: row * ROW, width };
      });
      height = Math.max(height, column.length * ROW);
      x += width + GAP;
    }
  }
  return { spots: centred(spots, height), width: x - GAP + MARGIN, height: height - ROW + BOX_HEIGHT + 2 * MARGIN };
}

const widthOf = ({ name, says }: Box): number =>
  Math.ceil(Math.max(name.length * LETTER_WIDTHS[0], says.length * LETTER_WIDTHS[1])) + 20;

/** The places of the boxes, a list a layer. The boxes stand behind what they wait for already. */
function layersOf(boxes: readonly Box[]): number[][] {
  const layers: number[][] = [];
  const layerOf: number[] = [];
  boxes.forEach(({ after }, at) => {
    const layer = after.reduce((most, edge) => Math.max(most, (layerOf[edge.at] ?? 0) + 1), 0);
    layerOf[at] = layer;
    layers[layer] ??= [];
    layers[layer].push(at);
  });
  return layers;
}

/** Those whose causes are high, first: that saves crossings. */
function byHeight(layer: readonly number[], boxes: readonly Box[], spots: readonly Spot[]): number[] {
  const heightOf = (at: number): number => {
    const { after } = boxes[at] as Box;
    if (after.length === 0) return 0;
    return after.reduce((sum, edge) => sum + (spots[edge.at]?.y ?? 0), 0) / after.length;
  };
  const heights = new Map(layer.map((at) => [at, heightOf(at)]));
  return layer.toSorted((a, b) => (heights.get(a) ?? 0) - (heights.get(b) ?? 0) || a - b);
}

/** Each column in the middle of the height. */
function centred(spots: readonly Spot[], height: number): Spot[] {
  const lowest = new Map<number, number>();
  for (const { x, y } of spots) lowest.set(x, Math.max(lowest.get(x) ?? 0, y + ROW));
  return spots.map((spot) => ({
    ...spot,
    y: Math.round(spot.y + MARGIN + (height - (lowest.get(spot.x) ?? height)) / 2),
  }));
}
