import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { DOMParser, onErrorStopParsing } from '@xmldom/xmldom';
import { type Element, Parser } from '@xmpp/xml';
import fc from 'fast-check';
import { readChain } from '#shared/chain/chain-file.ts';
import { compile, type Graph } from '#shared/chain/compile.ts';
import { type Box, boxesOf, LOOKS, NODES_MAX } from '#shared/chain/graph.ts';
import { dotOf } from '#shared/chain/graph-dot.ts';
import { BOX_HEIGHT, layoutOf } from '#shared/chain/graph-layout.ts';
import { svgOf } from '#shared/chain/graph-svg.ts';
import { begin } from '#shared/chain/orders.ts';
import type { Phase, Run } from '#shared/chain/run.ts';
import { Failure } from '#shared/errors.ts';
import { Chain } from '#shared/model/chain.ts';
import { chainOf, someChain } from '#test/unit/support/chains.ts';

const TREE = new URL('../../../../', import.meta.url);
const GRID = compile(readChain(readFileSync(new URL('provisioning/chains/grid.yaml', TREE), 'utf8')));
const PHASES = Object.keys(LOOKS) as Phase[];

/** A run in which the nodes are in these phases, again and again. */
const runIn = (graph: Graph, phases: readonly Phase[]): Run => {
  const run = begin(graph, 'run-1', 'up', [], 0);
  const phaseAt = (at: number): Phase => phases[at % phases.length] ?? 'idle';
  return { ...run, nodes: run.nodes.map((node, at) => ({ ...node, phase: phaseAt(at) })) };
};

/** A document as one parser reads it, where another, which is strict, has no complaint. */
function parse(text: string): Element {
  new DOMParser({ onError: onErrorStopParsing }).parseFromString(text, 'image/svg+xml');
  let root: Element | undefined;
  const parser = new Parser();
  parser.on('start', (element: Element) => {
    root = element;
  });
  // The parser gives each child of the root when it ends, and leaves it to whoever listens to keep it.
  parser.on('element', (element: Element) => root?.append(element));
  parser.on('error', (error: Error) => assert.fail(error));
  parser.write(text);
  assert.ok(root);
  return root;
}

/** All elements of this name. */
const all = (element: Element, name: string): Element[] =>
  element.getChildElements().flatMap((child) => [...(child.name === name ? [child] : []), ...all(child, name)]);
const textsIn = (svg: Element): string[] => all(svg, 'text').map((text) => text.getText());

/** A graph as the language of Graphviz says it, read by the part of its grammar that is used. */
function readDot(text: string): { labels: Map<string, string>; edges: string[] } {
  const quoted = String.raw`"(?:[^"\\\n]|\\.)*"`;
  const list = String.raw`\[\w+=${quoted}(?:, \w+=${quoted})*\]`;
  const lines = text.trimEnd().split('\n');
  assert.match(lines[0] ?? '', new RegExp(`^digraph ${quoted} \\{$`));
  assert.equal(lines.at(-1), '}');
  const labels = new Map<string, string>();
  const edges: string[] = [];
  for (const line of lines.slice(1, -1)) {
    const [, node, edge, rest = ''] =
      new RegExp(String.raw`^  (?:(n\d+|node)|(n\d+ -> n\d+)) (${list});$`).exec(line) ?? [];
    if (edge) edges.push(edge);
    else if (node) labels.set(node, new RegExp(`label=(${quoted})`).exec(rest)?.[1] ?? '');
    else assert.match(line, new RegExp(`^  rankdir=${quoted};$`));
  }
  return { labels, edges };
}

const edgesOf = (graph: Graph): string[] =>
  boxesOf(graph).flatMap(({ after }, at) => after.map((edge) => `n${edge.at} -> n${at}`));

describe('a chain as a picture', () => {
  for (const [name, made] of [
    ['grid.svg', svgOf(GRID)],
    ['grid-run.svg', svgOf(GRID, runIn(GRID, ['ready', 'ready', 'ready', 'started', 'waiting', 'waiting']))],
    ['grid.dot', dotOf(GRID)],
  ] as const)
    it(`of the grid is as it was: ${name}`, () => {
      const file = new URL(`test/fixtures/chain/${name}`, TREE);
      // SKERRY_GOLDEN=write takes what is made now for what it should be; look at it before it is committed.
      if (process.env.SKERRY_GOLDEN === 'write') writeFileSync(file, made);
      assert.equal(made, readFileSync(file, 'utf8'));
    });

  it('is XML with every name once as text, and an arrow for each edge', () => {
    // The title is a text too, and a chain may be named as one of its nodes is.
    const svg = parse(svgOf({ ...GRID, chain: 'title' }));
    assert.equal(svg.name, 'svg');
    assert.equal(svg.getNS(), 'http://www.w3.org/2000/svg');
    for (const name of GRID.places.keys()) assert.equal(textsIn(svg).filter((text) => text === name).length, 1);
    assert.equal(all(svg, 'path').filter((path) => path.attrs['marker-end']).length, 5);
  });

  it('of a run says the phase of each node, and has a legend of those that there are', () => {
    const graph = compile(chainOf(Object.fromEntries(PHASES.map((phase) => [`node-${phase}`, {}]))));
    const phases = graph.nodes.map(({ name }) => name.slice('node-'.length) as Phase);
    const texts = textsIn(parse(svgOf(graph, runIn(graph, phases))));
    for (const phase of PHASES) {
      assert.ok(texts.includes(`guest · ${phase}`));
      assert.ok(texts.includes(`${phase} (1)`));
    }
    assert.ok(!textsIn(parse(svgOf(graph))).some((text) => /^ready \(|· ready/.test(text)));
  });

  it('can be read in every colour that it has', () => {
    for (const [phase, { fill, ink }] of Object.entries(LOOKS))
      assert.ok(contrast(fill, ink) >= 4.5, `${phase}: ${contrast(fill, ink)}`);
    assert.equal(new Set(Object.values(LOOKS).map(({ fill }) => fill)).size, PHASES.length);
  });

  it('is refused when nobody could read it, with the limit', () => {
    const many = (count: number) =>
      compile(chainOf(Object.fromEntries(Array.from({ length: count }, (_, at) => [`n${at}`, {}]))));
    assert.doesNotThrow(() => svgOf(many(NODES_MAX)));
    for (const draw of [svgOf, dotOf])
      assert.throws(
        () => draw(many(NODES_MAX + 1)),
        (error) =>
          error instanceof Failure &&
          error.code === 'chain-too-large' &&
          error.message ===
            'The chain site has 2001 nodes and 0 edges; a picture has at most 2000 nodes and 10000 edges.',
      );
  });

  it('draws a group behind its members, and what the group waits for in front of them', () => {
    const web = { kind: 'group' as const, members: ['a', 'b'], after: ['san'] };
    const graph = compile(chainOf({ web, a: {}, b: {}, san: {} }));
    const at = (name: string) => `n${graph.places.get(name)}`;
    const edges = [`san a`, `san b`, `a web`, `b web`].map((edge) => edge.split(' ').map(at).join(' -> '));
    assert.deepEqual(edgesOf(graph).toSorted(), edges.toSorted());
  });

  it('holds any text as text', () => {
    const nasty = [
      '"]; evil [',
      '<script>alert(1)</script>',
      '&amp;',
      'a\\',
      'tab\tnew\nline',
      '\u0000\uffff\ud800',
      '-->',
      ']]>',
    ];
    for (const text of nasty) {
      const graph = { ...GRID, chain: text };
      assert.ok(textsIn(parse(svgOf(graph)))[0], text);
      assert.equal(all(parse(svgOf(graph)), 'script').length, 0);
      assert.equal(readDot(dotOf(graph)).labels.size, GRID.nodes.length + 1);
    }
  });

  it('has every node and every edge, in any chain: as XML and as DOT', () => {
    fc.assert(
      fc.property(someChain(20), fc.array(fc.constantFrom(...PHASES), { minLength: 1 }), (input, phases) => {
        const graph = compile(Chain.parse(input));
        const run = runIn(graph, phases);
        const svg = parse(svgOf(graph, run));
        const arrows = all(svg, 'path').filter((path) => path.attrs['marker-end']);
        assert.equal(arrows.length, edgesOf(graph).length);
        const texts = new Set(textsIn(svg));
        const { labels, edges } = readDot(dotOf(graph, run));
        assert.deepEqual(edges, edgesOf(graph));
        graph.nodes.forEach(({ name }, at) => {
          assert.ok(texts.has(name));
          assert.ok(labels.get(`n${at}`)?.startsWith(`"${name}\\n`));
        });
      }),
    );
  });

  it('has boxes that do not lie on each other, each to the right of what it waits for', () => {
    fc.assert(fc.property(someChain(40), (input) => areApart(boxesOf(compile(Chain.parse(input))))));
  });

  it('breaks a long column into several', () => {
    const many = Object.fromEntries(Array.from({ length: 400 }, (_, at) => [`n${at}`, {}]));
    const boxes = boxesOf(compile(chainOf({ ...many, last: { after: ['n0', 'n399'] } })));
    areApart(boxes);
    const { width, height } = layoutOf(boxes);
    assert.ok(height < 2_000 && width < 4_000, `${width} × ${height}`);
  });
});

function areApart(boxes: readonly Box[]): void {
  const { spots, width, height } = layoutOf(boxes);
  spots.forEach((a, at) => {
    assert.ok(a.x >= 0 && a.y >= 0 && a.x + a.width <= width && a.y + BOX_HEIGHT <= height);
    for (const b of spots.slice(0, at)) {
      const isApart = a.x + a.width <= b.x || b.x + b.width <= a.x || Math.abs(a.y - b.y) >= BOX_HEIGHT;
      assert.ok(isApart, `${JSON.stringify(a)} ${JSON.stringify(b)}`);
    }
    for (const edge of boxes[at]?.after ?? []) {
      const before = spots[edge.at];
      assert.ok(before && before.x + before.width < a.x);
    }
  });
}

/** As WCAG 2 defines it. */
function contrast(a: string, b: string): number {
  const light = (colour: string): number => {
    const [r = 0, g = 0, blue = 0] = [1, 3, 5].map((at) => {
      const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * blue;
  };
  const [dark = 0, bright = 0] = [light(a), light(b)].toSorted((x, y) => x - y);
  return (bright + 0.05) / (dark + 0.05);
}
