import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { openDatabase } from '#agent/journal/database.ts';
import { type Event, HOSTS, type Host, type Plan, Scene } from './migration/scene.ts';

const turns = fc.nat(12);
const of = (weight: number, arbitrary: fc.Arbitrary<object>) => ({
  weight,
  arbitrary: fc.tuple(arbitrary, turns).map(([what, n]) => ({ ...what, turns: n }) as Event),
});
const host = fc.constantFrom(...HOSTS);
const program = fc.constantFrom('central' as const, ...HOSTS);
const event: fc.Arbitrary<Event> = fc.oneof(
  of(10, fc.constant({ is: 'step' })),
  of(
    5,
    fc.constantFrom(1_000, 4_000, 16_000, 40_000).map((ms) => ({ is: 'time', ms })),
  ),
  of(2, fc.constant({ is: 'cancel' })),
  of(
    2,
    program.map((what) => ({ is: 'kill', what })),
  ),
  of(
    3,
    program.map((what) => ({ is: 'start', what })),
  ),
  of(
    3,
    fc.tuple(host, fc.constantFrom('whole', 'cut', 'late')).map(([at, how]) => ({ is: 'link', host: at, how })),
  ),
  of(
    1,
    fc.boolean().map((isCut) => ({ is: 'way', isCut })),
  ),
);
const killedAt = fc.option(
  fc.record({ commit: fc.integer({ min: 1, max: 8 }), when: fc.constantFrom('before' as const, 'after' as const) }),
  { nil: undefined },
);
const plan: fc.Arbitrary<Plan> = fc.record({ events: fc.array(event, { maxLength: 30 }), killedAt });

const RUNS = Number(process.env.SKERRY_FUZZ_RUNS ?? 300);

describe('a guest that moves', function () {
  this.timeout(Math.max(120_000, RUNS * 100));
  let folder: string;
  let databases: Record<Host, DatabaseSync>;
  let nth = 0;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'skerry-moves-'));
    const open = (name: Host): DatabaseSync => {
      const database = openDatabase(join(folder, `${name}.sqlite`));
      // Programs are killed here, and no machines.
      database.exec('PRAGMA synchronous=OFF');
      return database;
    };
    databases = { host1: open('host1'), host2: open('host2') };
  });
  after(async () => {
    for (const database of Object.values(databases)) database.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** It is never lost and never runs twice, which the scene sees to at each moment; and in the end it is where the move says. */
  const play = async (given: Plan): Promise<'done' | 'stayed' | 'never begun'> => {
    const scene = new Scene(given, databases, `move ${++nth}`);
    const { job, log } = await scene.play(given);
    const at = HOSTS.map((name) => scene.hosts[name].hypervisor.guest?.state);
    const said = `${JSON.stringify(job)} ${at.join(', ')} ${log.join(' ')}`;
    assert.notEqual(job?.state, 'running', said);
    assert.notEqual(job?.outcome, 'internal', said);
    assert.deepEqual(at, job?.state === 'done' ? [undefined, 'running'] : ['running', undefined], said);
    assert.equal(scene.central.left, 0, said);
    assert.equal(scene.hosts.host2.hypervisor.awaited, undefined, said);
    return job === undefined ? 'never begun' : job.state === 'done' ? 'done' : 'stayed';
  };
  const steps = (n: number): Event[] => Array.from({ length: n }, () => ({ is: 'step', turns: 12 }));

  it('comes where nothing happens to it', async () => {
    assert.equal(await play({ events: steps(6), killedAt: undefined }), 'done');
  });

  it('is never lost, never runs twice, and is where it is said to be, whatever happens in whichever order', async () => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(plan, async (given) => {
        seen.add(await play(given));
      }),
      { numRuns: RUNS },
    );
    assert.ok(seen.has('done') && seen.has('stayed'), [...seen].join());
  });
});
