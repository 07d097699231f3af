import { Failure } from '#shared/errors.ts';
import type { Edge, Graph } from './compile.ts';
import type { Phase, Run } from './run.ts';

/** More than this nobody can read, and no chat client shows. */
export const NODES_MAX = 2_000;
export const EDGES_MAX = 10_000;

/** How a node is drawn: `fill` and `ink` have a contrast of 4.5 at least. */
export interface Look {
  fill: string;
  ink: string;
  border: string;
}

export const PLAIN: Look = { fill: '#ffffff', ink: '#1f2933', border: '#52606d' };

/** The phases in the order of the legend. What they mean is written out too, for who does not tell colours apart. */
export const LOOKS: Readonly<Record<Phase, Look>> = {
  idle: PLAIN,
  waiting: { fill: '#e4e7eb', ink: '#1f2933', border: '#7b8794' },
  starting: { fill: '#d0e8ff', ink: '#0b3a66', border: '#2680c2' },
  started: { fill: '#1d6fae', ink: '#ffffff', border: '#0b4f8a' },
  ready: { fill: '#1f7a3d', ink: '#ffffff', border: '#0f5326' },
  retrying: { fill: '#ffe9a8', ink: '#5c3d00', border: '#cb8a00' },
  stopping: { fill: '#e6dcf5', ink: '#44237a', border: '#7c4fc4' },
  stopped: { fill: '#5b6672', ink: '#ffffff', border: '#323f4b' },
  failed: { fill: '#b3261e', ink: '#ffffff', border: '#7a0c06' },
  blocked: { fill: '#ffd9d4', ink: '#7a0c06', border: '#b3261e' },
  left: { fill: '#f7f1e3', ink: '#4a3f22', border: '#a08a4c' },
};

/** One box of a picture. */
export interface Box {
  name: string;
  /** The second line: what it is and where, or how it is. */
  says: string;
  phase: Phase | undefined;
  look: Look;
  isGroup: boolean;
  after: readonly Edge[];
}

/** The boxes of a chain, and of a run of it where one is given, by place. @throws Failure chain-too-large */
export function boxesOf(graph: Graph, run?: Run): Box[] {
  const boxes = graph.nodes.map(({ name, spec }, at): Box => {
    const phase = run?.nodes[at]?.phase;
    const isGroup = spec.kind === 'group';
    const says = [spec.kind, spec.host, ...(phase ? [phase] : [])].filter((word) => word !== undefined).join(' · ');
    return { name, says, phase, look: phase ? LOOKS[phase] : PLAIN, isGroup, after: drawnEdges(graph, at) };
  });
  const edges = boxes.reduce((sum, { after }) => sum + after.length, 0);
  if (boxes.length > NODES_MAX || edges > EDGES_MAX)
    throw new Failure('chain-too-large', {
      chain: graph.chain,
      what: `${boxes.length} nodes and ${edges} edges`,
      most: `${NODES_MAX} nodes and ${EDGES_MAX} edges`,
    });
  return boxes;
}

/** A group waits for what its members wait for: that is drawn at the members. */
function drawnEdges(graph: Graph, at: number): readonly Edge[] {
  const node = graph.nodes[at];
  if (node?.spec.kind !== 'group') return node?.after ?? [];
  const members = new Set(node.spec.members.map((member) => graph.places.get(member)));
  return node.after.filter((edge) => members.has(edge.at));
}
