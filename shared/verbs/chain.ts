import { z } from 'zod';
import { NodeName } from '#shared/model/chain.ts';
import { type Verb, verb } from '#shared/verb/verb.ts';

const chain = NodeName.meta({ title: 'Chain', choices: 'chain' });
const part = z.array(NodeName).max(1_000).default([]).meta({
  title: 'Part',
  description: 'Nodes; without any, all. Up takes along what they need, down what needs them.',
});
const nodes = z.array(NodeName).min(1).max(1_000).meta({ title: 'Nodes' });

export const ChainRecord = z
  .strictObject({
    chain: z.string().meta({ title: 'Chain' }),
    title: z.string().optional().meta({ title: 'Title' }),
    nodes: z.int().meta({ title: 'Nodes' }),
    state: z.string().meta({ title: 'State', description: 'Of the run that goes on, or how the last one ended.' }),
    autostart: z.boolean().meta({ title: 'Autostart' }),
    by: z.string().meta({ title: 'Set by' }),
    at: z.string().meta({ title: 'Set at', description: 'RFC 3339.' }),
  })
  .meta({
    line: '{chain} · nodes: {nodes} · {state} · {title}',
    columns: ['chain', 'nodes', 'state', 'autostart', 'title'],
  });
export type ChainRecord = z.infer<typeof ChainRecord>;

/** How a run is as a whole. */
export const RunRecord = z
  .strictObject({
    chain: z.string().meta({ title: 'Chain' }),
    run: z.string().meta({ title: 'Run' }),
    goal: z.enum(['up', 'down']).meta({ title: 'Goal' }),
    outcome: z
      .string()
      .meta({ title: 'Outcome', description: 'going on, watching, done, failed, rolled-back, cancelled.' }),
    there: z.int().meta({ title: 'There', description: 'Nodes that are where they should be.' }),
    of: z.int().meta({ title: 'Of', description: 'Nodes that take part.' }),
    startedAt: z.string().meta({ title: 'Began', description: 'RFC 3339.' }),
    endedAt: z.string().optional().meta({ title: 'Ended', description: 'RFC 3339.' }),
    tookMs: z.int().optional().meta({ title: 'Took', unit: 'ms' }),
    requester: z.string().meta({ title: 'Asked by' }),
    problem: z.string().optional().meta({ title: 'Problem' }),
  })
  .meta({
    line: '{chain} {goal} · {outcome} · {there} of {of} nodes · {tookMs} ms · {problem}',
    columns: ['run', 'goal', 'outcome', 'there', 'of', 'startedAt', 'tookMs', 'requester', 'problem'],
  });
export type RunRecord = z.infer<typeof RunRecord>;

export const NodeRecord = z
  .strictObject({
    node: z.string().meta({ title: 'Node' }),
    want: z.enum(['up', 'down', 'none']).meta({ title: 'Wanted' }),
    phase: z.string().meta({ title: 'Phase' }),
    since: z.string().meta({ title: 'Since', description: 'RFC 3339.' }),
    why: z.string().meta({ title: 'Why' }),
  })
  .meta({ line: '{node} · {phase} · {why}', columns: ['node', 'phase', 'since', 'why'] });
export type NodeRecord = z.infer<typeof NodeRecord>;

const RUN_MS_MAX = 7 * 86_400_000;

/** What chain.up and chain.down share. */
const order = {
  job: true,
  args: z.strictObject({ chain, part }),
  positional: ['chain', 'part'] as ('chain' | 'part')[],
  result: RunRecord,
  failures: ['chain-not-found', 'chain-node-unknown', 'chain-conflict', 'chain-failed', 'host-space'],
  timeoutMs: RUN_MS_MAX,
} satisfies Partial<Verb>;
/** What changes a run that goes on. */
const steering = { risk: 'change', result: RunRecord, timeoutMs: 10_000 } satisfies Partial<Verb>;

export const chainVerbs = {
  'chain.list': verb({
    summary: 'List the chains, and how each is.',
    risk: 'read',
    args: z.strictObject({}),
    positional: [],
    result: z.array(ChainRecord),
    failures: [],
    timeoutMs: 10_000,
    example: 'chain list',
  }),
  'chain.show': verb({
    summary: 'Show the file of a chain, or a picture of it.',
    risk: 'read',
    args: z.strictObject({
      chain,
      graph: z.enum(['none', 'svg', 'dot']).default('none').meta({ title: 'Picture' }),
    }),
    positional: ['chain'],
    result: z
      .strictObject({
        chain: z.string().meta({ title: 'Chain' }),
        text: z.string().meta({ title: 'Text', multiline: true, picture: true }),
      })
      .meta({ line: '{text}' }),
    failures: ['chain-not-found', 'chain-too-large'],
    timeoutMs: 30_000,
    example: 'chain show grid graph=svg',
  }),
  'chain.set': verb({
    summary: 'Keep a chain, or another version of one that is there.',
    details:
      'On the command line, give the name of the file. What is wrong in it is told with line and column, all at once.',
    risk: 'change',
    args: z.strictObject({
      file: z.string().min(1).max(262_144).meta({ title: 'File', description: 'YAML.', multiline: true, file: true }),
    }),
    positional: ['file'],
    result: ChainRecord,
    failures: ['chain-file', 'chain-running', 'host-space'],
    timeoutMs: 60_000,
    example: 'chain set grid.yaml',
  }),
  'chain.delete': verb({
    summary: 'Forget a chain, and its history; its guests stay as they are.',
    risk: 'destroy',
    args: z.strictObject({ chain }),
    positional: ['chain'],
    result: ChainRecord,
    failures: ['chain-not-found', 'chain-running', 'host-space'],
    timeoutMs: 10_000,
    example: 'chain delete grid',
  }),
  'chain.plan': verb({
    summary: 'Say what up or down would do, in which waves, and how long it would take.',
    risk: 'read',
    args: z.strictObject({ chain, goal: z.enum(['up', 'down']).default('up').meta({ title: 'Goal' }), part }),
    positional: ['chain', 'goal', 'part'],
    result: z
      .strictObject({
        chain: z.string().meta({ title: 'Chain' }),
        waves: z.int().meta({ title: 'Waves' }),
        expectedMs: z.int().meta({ title: 'Takes', unit: 'ms', description: 'As far as it is known.' }),
        text: z.string().meta({ title: 'Plan', multiline: true }),
      })
      .meta({ line: '{text}' }),
    failures: ['chain-not-found', 'chain-node-unknown'],
    timeoutMs: 30_000,
    example: 'chain plan grid down',
  }),
  'chain.up': verb({
    ...order,
    summary: 'Bring a chain up, or a part of it with all that it needs.',
    details:
      'What is up already is taken as it is. Where a run goes on, it is turned. It acts as you, also when you are gone.',
    risk: 'change',
    example: 'chain up grid fossil',
  }),
  'chain.down': verb({
    ...order,
    summary: 'Take a chain down in reverse, or a part of it with all that needs it.',
    details:
      'Guests are asked to shut down; one that does not is cut off after its time, unless its stop says otherwise. It beats an up that goes on.',
    risk: 'destroy',
    example: 'chain down grid',
  }),
  'chain.status': verb({
    summary: 'Show where each node of a chain is in its run, and what it waits for.',
    risk: 'read',
    args: z.strictObject({
      chain,
      limit: z
        .int()
        .min(1)
        .max(1_000)
        .default(200)
        .meta({ title: 'Limit', description: 'Those that are on their way come first.' }),
    }),
    positional: ['chain'],
    result: z.array(NodeRecord),
    failures: ['chain-not-found'],
    timeoutMs: 10_000,
    example: 'chain status grid',
  }),
  'chain.explain': verb({
    summary: 'Say why a node is as it is: what it waits for, and since when.',
    risk: 'read',
    args: z.strictObject({ chain, node: NodeName.meta({ title: 'Node' }) }),
    positional: ['chain', 'node'],
    result: z
      .strictObject({ node: z.string().meta({ title: 'Node' }), text: z.string().meta({ title: 'Why' }) })
      .meta({ line: '{text}' }),
    failures: ['chain-not-found', 'chain-node-unknown'],
    timeoutMs: 10_000,
    example: 'chain explain grid fossil',
  }),
  'chain.hold': verb({
    ...steering,
    summary: 'Keep nodes from being started in the run that goes on.',
    args: z.strictObject({ chain, nodes }),
    positional: ['chain', 'nodes'],
    failures: ['chain-not-found', 'chain-node-unknown', 'chain-not-running', 'host-space'],
    example: 'chain hold grid fossil',
  }),
  'chain.release': verb({
    ...steering,
    summary: 'Let nodes that are held be started.',
    args: z.strictObject({ chain, nodes }),
    positional: ['chain', 'nodes'],
    failures: ['chain-not-found', 'chain-node-unknown', 'chain-not-running', 'host-space'],
    example: 'chain release grid fossil',
  }),
  'chain.cancel': verb({
    ...steering,
    summary: 'Do nothing more of a run: what is up stays up.',
    args: z.strictObject({ chain }),
    positional: ['chain'],
    failures: ['chain-not-found', 'chain-not-running', 'host-space'],
    example: 'chain cancel grid',
  }),
  'chain.history': verb({
    summary: 'List the runs of a chain, the newest first.',
    risk: 'read',
    args: z.strictObject({ chain, limit: z.int().min(1).max(100).default(20).meta({ title: 'Limit' }) }),
    positional: ['chain'],
    result: z.array(RunRecord),
    failures: ['chain-not-found'],
    timeoutMs: 30_000,
    example: 'chain history grid',
  }),
};
