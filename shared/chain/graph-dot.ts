import type { Graph } from './compile.ts';
import { type Box, boxesOf } from './graph.ts';
import type { Run } from './run.ts';

/**
 * A chain, and a run of it where one is given, in the language of Graphviz. Nodes are called by their places, so that a name is
 * only ever text in quotes.
 *
 * @throws Failure chain-too-large
 * Source: https://graphviz.org/doc/info/lang.html
 */
export const dotOf = (graph: Graph, run?: Run): string => dotOfBoxes(graph.chain, boxesOf(graph, run));

/** The same of any boxes. */
export function dotOfBoxes(title: string, boxes: readonly Box[]): string {
  return [
    `digraph ${quoted(title)} {`,
    '  rankdir="LR";',
    '  node [shape="box", style="filled,rounded", fontname="sans-serif"];',
    ...boxes.map((box, at) => `  n${at} [${attributesOf(box)}];`),
    ...boxes.flatMap(({ after }, at) =>
      after.map((edge) => `  n${edge.at} -> n${at} [${edge.need === 'soft' ? 'style="dashed"' : 'style="solid"'}];`),
    ),
    '}',
    '',
  ].join('\n');
}

const attributesOf = ({ name, says, look, isGroup }: Box): string =>
  Object.entries({
    label: `${name}\n${says}`,
    fillcolor: look.fill,
    fontcolor: look.ink,
    color: look.border,
    ...(isGroup ? { shape: 'folder' } : {}),
  })
    .map(([key, value]) => `${key}=${quoted(value)}`)
    .join(', ');

/** In quotes only a quote ends the text; a backslash begins an escape of labels. */
const quoted = (text: string): string =>
  `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
