import assert from 'node:assert/strict';
import type { AskAgent } from '#central/agents/caller.ts';
import { exportNodes } from '#central/chains/export-nodes.ts';
import type { SiteHost } from '#central/inventory/known-site.ts';
import { compile } from '#shared/chain/compile.ts';
import { Failure } from '#shared/errors.ts';
import { Chain } from '#shared/model/chain.ts';
import type { ExportStanding } from '#shared/model/volume.ts';
import { type ManualClock, manualClock } from '#test/unit/support/manual-clock.ts';

const graph = compile(
  Chain.parse({
    chain: 'c',
    nodes: {
      'root.raw': { kind: 'export', host: 'host1', stop: { timeout: '10s' } },
      data: { kind: 'export', host: 'host1', export: { volume: 'data.qcow2', writable: true, port: 10_810 } },
      web: {},
    },
  }),
);
const nodeOf = (name: string) => graph.nodes[graph.places.get(name) ?? -1] ?? assert.fail(name);
const ROOT: ExportStanding = { volume: 'root.raw', address: '10.0.0.1', port: 10_809, writable: false, clients: 16 };
const DATA: ExportStanding = { volume: 'data.qcow2', address: '10.0.0.1', port: 10_810, writable: true, clients: 1 };
const inUse = () => new Failure('volume-in-use', { volume: 'root.raw', clients: '10.0.0.2:4711', how: 'force=yes' });

function stage({ may = true, answers = [] as (Failure | undefined)[] } = {}) {
  const host = { name: 'host1', reach: 'heard', known: { facts: { exports: undefined } } } as unknown as SiteHost;
  const asked: string[] = [];
  const notes: string[] = [];
  const clock: ManualClock = manualClock();
  const superseded: unknown[] = [];
  const ask: AskAgent = async (_, verb, __, args, { operation, supersedes }) => {
    superseded.push(supersedes);
    asked.push(`${operation} ${verb} ${JSON.stringify(args)}`);
    const failure = answers.shift();
    if (failure) throw failure;
    return { value: {} } as Awaited<ReturnType<AskAgent>>;
  };
  const nodes = exportNodes({
    ...{ ask, may: () => may, clock },
    site: { findHost: (name) => (name === 'host1' ? host : undefined) },
    trail: { keep: async ({ verb, outcome, operation }) => void notes.push(`${operation} ${verb} ${outcome}`) },
  });
  return {
    ...{ asked, notes, clock },
    fact: (name: string, isEnding = false) => nodes.factOf(nodeOf(name), isEnding),
    missing: (name: string) => nodes.missing(nodeOf(name)),
    stands: (exports: ExportStanding[] | undefined, reach = 'heard') =>
      Object.assign(host, { reach, known: { facts: { exports } } }),
    superseded,
    supersede: (name: string, supersedes: readonly string[]) =>
      nodes.carry(
        nodeOf(name),
        { node: name, operation: { id: 'next', verb: 'start', force: false, sentAt: clock.now(), supersedes } },
        'ann@skerry.test',
        new AbortController().signal,
      ),
    carry: (name: string, verb: 'start' | 'stop', force = false, signal = new AbortController().signal) =>
      nodes.carry(
        nodeOf(name),
        { node: name, operation: { id: 'op', verb, force, sentAt: clock.now() } },
        'ann@skerry.test',
        signal,
      ),
  };
}
/** Until it waits for its next try, then on to it. */
async function overPause(clock: ManualClock): Promise<void> {
  for (let turn = 0; turn < 100 && clock.waiting === 0; turn++) await Promise.resolve();
  clock.advance(2_000);
}

describe('exports as nodes of chains', () => {
  it('are up where their host says that they answer, as the chain has them', () => {
    const { fact, missing, stands } = stage();
    assert.equal(fact('web'), undefined);
    const none = 'host1 has no volumes: its configuration names no folder for them';
    assert.deepEqual([fact('root.raw'), missing('root.raw')], [{ state: 'down', why: none }, none]);
    stands([]);
    assert.deepEqual(fact('root.raw'), { state: 'down', why: 'it is not exported' });
    assert.equal(missing('root.raw'), undefined);
    stands([ROOT, DATA]);
    assert.deepEqual([fact('root.raw'), fact('data')], [{ state: 'up' }, { state: 'up' }]);
    stands([
      { ...ROOT, problem: 'no lock' },
      { ...DATA, writable: false },
    ]);
    assert.deepEqual(fact('root.raw'), { state: 'down', why: 'no lock' });
    const other = 'it is exported in another way: nbd://10.0.0.1:10810/data.qcow2, to be read, for 1 at once';
    assert.deepEqual(fact('data'), { state: 'down', why: other });
    assert.deepEqual([fact('root.raw', true), fact('data', true)], [{ state: 'up' }, { state: 'up' }], 'to be ended');
    stands([{ ...ROOT, unseen: true }]);
    assert.equal(fact('root.raw')?.state, 'unknown', 'an agent that began anew has lost nothing');
    stands([ROOT, DATA], 'unreachable');
    assert.deepEqual(fact('root.raw'), { state: 'unknown', why: 'host1 is not heard' });
  });

  it('are carried out by their host, as the chain has them', async () => {
    const { carry, asked, notes } = stage();
    assert.deepEqual(await carry('data', 'start'), { ok: true });
    assert.deepEqual(await carry('data', 'stop', true), { ok: true });
    assert.deepEqual(asked, [
      'op volume.export {"volume":"data.qcow2","writable":true,"port":10810}',
      'op volume.unexport {"volume":"data.qcow2","force":true}',
    ]);
    assert.deepEqual(notes, ['op volume.export done', 'op volume.unexport done']);
    assert.equal(carry('web', 'start'), undefined);
  });

  it('need the permission of whoever ordered the run', async () => {
    const { carry, asked } = stage({ may: false });
    const { ok, problem } = (await carry('data', 'start')) ?? assert.fail();
    assert.deepEqual([ok, problem, asked], [false, 'ann@skerry.test may not volume.export host1.', []]);
  });

  it('are asked again under the same id while nobody answers, and under others while clients use them', async () => {
    const away = new Failure('no-answer', { peer: 'host1', timeoutS: 1 });
    const { carry, asked, clock } = stage({ answers: [away, inUse(), inUse(), undefined] });
    const ended = carry('root.raw', 'stop');
    for (const _ of [1, 2, 3]) await overPause(clock);
    assert.deepEqual(await ended, { ok: true });
    assert.deepEqual(
      asked.map((each) => each.split(' ')[0]),
      ['op', 'op', 'op/1', 'op/2'],
    );
  });

  it('take the place also of the last round of what is not answered yet', async () => {
    const away = new Failure('no-answer', { peer: 'host1', timeoutS: 1 });
    const { carry, supersede, superseded, asked, clock } = stage({ answers: [inUse(), inUse(), away] });
    const giveUp = new AbortController();
    const given = carry('root.raw', 'stop', false, giveUp.signal);
    for (const _ of [1, 2]) await overPause(clock);
    for (let turn = 0; turn < 100 && asked.length < 3; turn++) await Promise.resolve();
    giveUp.abort(new Error('next takes its place'));
    await assert.rejects(given ?? assert.fail(), /next takes its place/);
    assert.deepEqual(await supersede('root.raw', ['op']), { ok: true });
    assert.deepEqual(superseded.at(-1), ['op', 'op/2']);
    assert.deepEqual(await supersede('root.raw', ['op']), { ok: true });
    assert.deepEqual(superseded.at(-1), ['op'], 'what was answered is not kept');
  });

  it('tell who uses them when their time is over', async () => {
    const { carry, clock } = stage({ answers: Array.from({ length: 20 }, inUse) });
    const beganAt = clock.now();
    const ended = carry('root.raw', 'stop');
    for (const _ of [1, 2, 3]) await overPause(clock);
    const { ok, problem = '' } = (await ended) ?? assert.fail();
    assert.equal(ok, false);
    assert.match(problem, /used by 10\.0\.0\.2:4711/);
    assert.ok(clock.now() - beganAt < 10_000, 'in time');
  });
});
