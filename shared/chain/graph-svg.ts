import type { Edge, Graph } from './compile.ts';
import { type Box, boxesOf, LOOKS } from './graph.ts';
import { BOX_HEIGHT, type Layout, layoutOf, type Spot } from './graph-layout.ts';
import type { Phase, Run } from './run.ts';
import { el, type Piece, svgText } from './svg.ts';

const HEAD = 34;
const LEGEND_ROW = 26;
const LEGEND_ITEM = 150;
const LEGEND_WIDTH_MIN = 330;

/** A chain, and a run of it where one is given, as a picture. @throws Failure chain-too-large */
export const svgOf = (graph: Graph, run?: Run): string => svgOfBoxes(titleOf(graph, run), boxesOf(graph, run), WORDS);

/** What lines mean. */
export type LineWords = Readonly<Record<Edge['need'], string>>;
const WORDS: LineWords = { hard: 'needs it', soft: 'waits, needs it not' };

/** Boxes, each behind all that it has a line from. */
export function svgOfBoxes(title: string, boxes: readonly Box[], words: LineWords): string {
  const layout = layoutOf(boxes);
  const width = Math.max(Math.ceil(layout.width), LEGEND_WIDTH_MIN);
  const legend = legendOf(boxes, words, width, HEAD + layout.height);
  const height = HEAD + layout.height + legend.height;
  return svgText(
    el(
      'svg',
      {
        width,
        height,
        viewBox: `0 0 ${width} ${height}`,
        role: 'img',
        'font-family': 'DejaVu Sans, Verdana, sans-serif',
        'font-size': 13,
      },
      el('title', {}, title),
      el('defs', {}, arrowHead),
      el('rect', { width, height, fill: '#ffffff' }),
      el('text', { x: 20, y: 24, 'font-size': 15, 'font-weight': 'bold', fill: '#1f2933' }, title),
      el(
        'g',
        { transform: `translate(0 ${HEAD})` },
        edgesIn(boxes, layout),
        ...boxes.map((box, at) => boxAt(box, layout.spots[at] as Spot)),
      ),
      ...legend.pieces,
    ),
  );
}

const titleOf = (graph: Graph, run?: Run): string =>
  run ? `${graph.chain}: run ${run.id}, ${run.goal}${run.outcome ? `, ${run.outcome}` : ''}` : graph.chain;

const arrowHead: Piece = el(
  'marker',
  { id: 'arrow', viewBox: '0 0 8 8', refX: 8, refY: 4, markerWidth: 7, markerHeight: 7, orient: 'auto' },
  el('path', { d: 'M0 0 L8 4 L0 8 z', fill: '#7b8794' }),
);

const edgesIn = (boxes: readonly Box[], { spots }: Layout): Piece =>
  el(
    'g',
    { fill: 'none', stroke: '#7b8794', 'stroke-width': 1.3 },
    ...boxes.flatMap(({ after }, at) =>
      after.map(({ at: from, need }): Piece => {
        const d = curve(spots[from] as Spot, spots[at] as Spot);
        return el('path', {
          d,
          'marker-end': 'url(#arrow)',
          ...(need === 'soft' ? { 'stroke-dasharray': '5 4' } : {}),
        });
      }),
    ),
  );

function curve(from: Spot, to: Spot): string {
  const [x1, y1] = [from.x + from.width, from.y + BOX_HEIGHT / 2];
  const [x2, y2] = [to.x, to.y + BOX_HEIGHT / 2];
  const bend = Math.max(24, (x2 - x1) / 2);
  return `M${x1} ${y1} C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
}

const boxAt = ({ name, says, look, isGroup }: Box, { x, y, width }: Spot): Piece =>
  el(
    'g',
    {},
    el('title', {}, `${name}: ${says}`),
    el('rect', {
      ...{ x, y, width, height: BOX_HEIGHT, rx: isGroup ? BOX_HEIGHT / 2 : 5 },
      ...{ fill: look.fill, stroke: look.border, 'stroke-width': 1.5 },
    }),
    el('text', { x: x + width / 2, y: y + 16, 'text-anchor': 'middle', fill: look.ink, 'font-weight': 'bold' }, name),
    el('text', { x: x + width / 2, y: y + 31, 'text-anchor': 'middle', fill: look.ink, 'font-size': 10.5 }, says),
  );

/** What colours and lines mean, of those that are there. */
function legendOf(
  boxes: readonly Box[],
  words: LineWords,
  width: number,
  top: number,
): { pieces: Piece[]; height: number } {
  const counts = new Map<Phase, number>();
  for (const { phase } of boxes) if (phase) counts.set(phase, (counts.get(phase) ?? 0) + 1);
  const phases = (Object.keys(LOOKS) as Phase[]).filter((phase) => counts.has(phase));
  const items: ((x: number, y: number) => Piece)[] = phases.map(
    (phase) => (x, y) =>
      el(
        'g',
        {},
        el('rect', { x, y, width: 14, height: 14, rx: 3, fill: LOOKS[phase].fill, stroke: LOOKS[phase].border }),
        el('text', { x: x + 20, y: y + 12, 'font-size': 12, fill: '#1f2933' }, `${phase} (${counts.get(phase)})`),
      ),
  );
  if (boxes.some(({ after }) => after.some(({ need }) => need === 'hard'))) items.push(lineItem(words.hard, {}));
  if (boxes.some(({ after }) => after.some(({ need }) => need === 'soft')))
    items.push(lineItem(words.soft, { 'stroke-dasharray': '5 4' }));
  const perRow = Math.max(1, Math.floor((width - 20) / LEGEND_ITEM));
  const pieces = items.map((item, at) =>
    item(20 + (at % perRow) * LEGEND_ITEM, top + Math.floor(at / perRow) * LEGEND_ROW),
  );
  return { pieces, height: Math.ceil(items.length / perRow) * LEGEND_ROW };
}

const lineItem =
  (words: string, more: Record<string, string>) =>
  (x: number, y: number): Piece =>
    el(
      'g',
      {},
      el('path', { d: `M${x} ${y + 7} h16`, stroke: '#7b8794', 'stroke-width': 1.3, ...more }),
      el('text', { x: x + 20, y: y + 12, 'font-size': 12, fill: '#1f2933' }, words),
    );
