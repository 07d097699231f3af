import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { gate, limited, limitOf } from '#agent/probes/gate.ts';
import { bad, GOOD, type Look } from '#agent/probes/look.ts';
import { probeRunner, type Standing } from '#agent/probes/runner.ts';
import { answerTeller } from '#agent/probes/teller.ts';
import { type Probe, type ProbeAnswer, ProbeSet } from '#shared/model/probe.ts';
import { manualClock } from '#test/unit/support/manual-clock.ts';

const probeOf = (more: Partial<Probe> = {}): Probe =>
  ProbeSet.parse({
    version: 1,
    probes: [
      {
        ...{ id: 'venti', since: 7, tests: [{ tcp: 'venti:17034' }], mode: 'all' },
        ...{ everyMs: 2_000, good: 3, freshMs: 30_000, ...more },
      },
    ],
  }).probes[0] as Probe;

/** How one look goes: how long it takes, what it finds, and whether it hears its signal. */
interface Plan {
  tookMs: number;
  ok: boolean;
  hears: boolean;
  why?: string;
}

/** Looks that go as planned, and what was seen of them. */
function stage(atOnce = 64) {
  const clock = manualClock(0);
  const began: { id: string; test: number; at: number }[] = [];
  const told: (Standing & { toldAt: number })[] = [];
  const under = new Map<string, number>();
  let most = 0;
  const plans = new Map<string, readonly Plan[]>();
  const planned =
    (id: string, test: number): Look =>
    async (signal) => {
      const key = `${id}/${test}`;
      const count = began.filter((each) => each.id === id && each.test === test).length;
      const plan = plans.get(key)?.[count] ?? { tookMs: 0, ok: true, hears: true };
      const { tookMs, ok, hears, why = 'it was planned so' }: Plan = plan;
      began.push({ id, test, at: clock.now() });
      under.set(key, (under.get(key) ?? 0) + 1);
      assert.equal(under.get(key), 1, `${key} overlaps itself`);
      most = Math.max(
        most,
        [...under.values()].reduce((sum, each) => sum + each, 0),
      );
      try {
        if (tookMs > 0) await pause(tookMs, hears ? signal : undefined);
        return ok ? GOOD : bad(why);
      } finally {
        under.set(key, 0);
      }
    };
  const pause = (ms: number, signal?: AbortSignal): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const callOff = clock.after(ms, resolve);
    signal?.addEventListener('abort', () => {
      callOff();
      reject(signal.reason);
    });
    return promise;
  };
  const runner = probeRunner({
    ...{ clock, gate: gate(atOnce), onBug: (error: unknown) => assert.fail(String(error)) },
    looksOf: ({ id, tests }) => tests.map((_, test) => planned(id, test)),
    tell: (standing) => told.push({ ...standing, toldAt: clock.now() }),
  });
  const pass = async (ms: number, stepMs = 100): Promise<void> => {
    for (let left = ms; left > 0; left -= stepMs) {
      await turn();
      clock.advance(stepMs);
    }
    await turn();
  };
  return { clock, runner, began, told, plans, pass, most: () => most };
}

const quick = (...oks: boolean[]): Plan[] => oks.map((ok) => ({ ok, tookMs: 0, hears: true }));

describe('probes that are run', () => {
  it('tell the first verdict, each change, and when the count is reached', async () => {
    const { runner, told, plans, pass } = stage();
    plans.set('venti/0', quick(false, false, true, true, true, true, false));
    runner.replace([probeOf()]);
    await pass(12_100);
    assert.deepEqual(
      told.map(({ good, from, at, why }) => ({ good, from, at, why })),
      [
        { good: 0, from: 0, at: 0, why: 'it was planned so' },
        { good: 1, from: 4_000, at: 4_000, why: undefined },
        { good: 3, from: 4_000, at: 8_000, why: undefined },
        { good: 0, from: 12_000, at: 12_000, why: 'it was planned so' },
      ],
    );
  });

  it('tell when something else is wrong, and not when it is the same', async () => {
    const { runner, told, plans, pass } = stage();
    const whys = ['connection refused', 'connection refused', 'status 503', 'status 503', 'connection refused'];
    plans.set(
      'venti/0',
      whys.map((why) => ({ ok: false, tookMs: 0, hears: true, why })),
    );
    runner.replace([probeOf()]);
    await pass(8_100);
    assert.deepEqual(
      told.map(({ why, at }) => [why, at]),
      [
        ['connection refused', 0],
        ['status 503', 4_000],
        ['connection refused', 8_000],
      ],
    );
  });

  it('leave nothing behind at the signal that ends them, which lives as long as the probe', async () => {
    const ended = new AbortController();
    const clock = manualClock(0);
    const deps = { clock, gate: gate(1), onBug: (error: unknown) => assert.fail(String(error)) };
    const looks = Array.from({ length: 5 }, () => limited(async () => GOOD, 1_000, deps, ended.signal));
    await Promise.all(looks.map(({ over }) => over));
    assert.equal(getEventListeners(ended.signal, 'abort').length, 0);
    assert.equal(clock.waiting, 0);
  });

  it('may take a second at least, and five at most', () => {
    assert.deepEqual([100, 1_000, 2_500, 5_000, 60_000].map(limitOf), [1_000, 1_000, 2_500, 5_000, 5_000]);
  });

  it('are good with all or any of their tests, and say what was wrong with each', async () => {
    const tests = [{ tcp: 'a:1' }, { tcp: 'b:2' }];
    for (const [mode, oks, good] of [
      ['all', [true, true], 1],
      ['all', [true, false], 0],
      ['any', [false, true], 1],
      ['any', [false, false], 0],
    ] as const) {
      const { runner, told, plans, pass } = stage();
      oks.forEach((ok, at) => void plans.set(`venti/${at}`, quick(ok)));
      runner.replace([probeOf({ mode, tests: ProbeSet.shape.probes.element.shape.tests.parse(tests) })]);
      await pass(100);
      assert.equal(told[0]?.good, good, `${mode} ${oks}`);
      assert.equal(told[0]?.why, good ? undefined : 'it was planned so');
    }
  });

  it('end at their limit, and wait for a look that does not hear', async () => {
    const { runner, began, told, plans, pass } = stage();
    plans.set('venti/0', [{ ok: true, tookMs: 9_000, hears: false }]);
    runner.replace([probeOf()]);
    await pass(8_900);
    assert.equal(told[0]?.why, 'timed out after 2 s');
    assert.equal(told[0]?.toldAt, 2_000);
    assert.equal(began.length, 1, 'the next look waits for this one');
    await pass(300);
    assert.equal(began.length, 2);
    assert.equal(told[1]?.good, 1, 'what came late was no good look');
  });

  it('go on where they are wanted as before, are told again, and begin anew where not', async () => {
    const { clock, runner, began, told, pass } = stage();
    runner.replace([probeOf(), probeOf({ id: 'fossil' })]);
    await pass(5_000);
    const before = told.length;
    runner.replace([probeOf(), probeOf({ id: 'cpu1' })]);
    assert.deepEqual(
      told.slice(before).map(({ id, good }) => [id, good]),
      [['venti', 3]],
    );
    await pass(1_000);
    runner.replace([probeOf({ since: 8 })]);
    await pass(100);
    const last = told.at(-1);
    assert.deepEqual([last?.id, last?.since, last?.good], ['venti', 8, 1]);
    const count = began.length;
    runner.stop();
    assert.equal(clock.waiting, 0);
    await pass(60_000, 1_000);
    assert.equal(began.length, count, 'nothing looks any more');
    assert.equal(told.filter(({ id, toldAt }) => id === 'fossil' && toldAt > 5_000).length, 0);
  });

  /** In steps of the clock, so that what happens at different times is not taken in at once. */
  const steps = (min: number, max: number) => fc.integer({ min, max }).map((count) => count * 250);
  const plan = fc.record({ tookMs: steps(0, 32), ok: fc.boolean(), hears: fc.boolean() });
  const wanted = fc.record({
    everyMs: steps(1, 16),
    good: fc.integer({ min: 1, max: 4 }),
    plans: fc.array(plan, { maxLength: 12 }),
  });

  it('never overlap, keep to the bound, and count as they looked, whatever looks do', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(wanted, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 4 }),
        async (all, atOnce) => {
          const { runner, began, told, plans, pass, most } = stage(atOnce);
          all.forEach(({ plans: own }, at) => void plans.set(`p${at}/0`, own));
          runner.replace(all.map(({ everyMs, good }, at) => probeOf({ id: `p${at}`, everyMs, good })));
          await pass(30_000, 250);
          assert.ok(most() <= atOnce, `${most()} at once, ${atOnce} are allowed`);
          all.forEach(({ everyMs, good, plans: own }, at) => {
            const id = `p${at}`;
            const times = began.filter((each) => each.id === id).map((each) => each.at);
            for (const [nth, time] of times.entries())
              if (nth > 0) assert.ok(time - (times[nth - 1] ?? 0) >= everyMs, 'not sooner than it is wanted');
            // What each look was, by its plan: good where it ended within its limit.
            const oks = times.map((_, nth) => {
              const { ok, tookMs } = own[nth] ?? { ok: true, tookMs: 0 };
              return ok && tookMs < limitOf(everyMs);
            });
            let row = 0;
            const rows = oks.map((ok) => {
              row = ok ? row + 1 : 0;
              return row;
            });
            const tellings = told.filter((each) => each.id === id);
            const isOn = (count: number): boolean => rows.includes(count);
            for (const { good: count } of tellings) assert.ok(isOn(count), `${count} is a count that was`);
            if (tellings.length === 0) return;
            const ended = rows.slice(0, -1);
            if (ended.includes(good))
              assert.ok(
                tellings.some((each) => each.good === good),
                'the count was told',
              );
            const flips = ended.filter((count, nth) => nth === 0 || count > 0 !== (ended[nth - 1] ?? 0) > 0).length;
            const toldFlips = tellings.filter(
              (each, nth) => nth === 0 || each.good > 0 !== (tellings[nth - 1]?.good ?? 0) > 0,
            );
            assert.ok(toldFlips.length >= flips, `${toldFlips.length} changes were told, ${flips} were`);
          });
        },
      ),
      { numRuns: 60 },
    );
  });

  it('while good are told as often as makes them fresh', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 80 }), fc.integer({ min: 1, max: 15 }), async (fresh, every) => {
        const [freshMs, everyMs] = [fresh * 1_000, every * 1_000];
        const { runner, told, pass } = stage();
        runner.replace([probeOf({ freshMs, everyMs, good: 1 })]);
        await pass(200_000, 1_000);
        const gaps = told.slice(1).map(({ toldAt }, at) => toldAt - (told[at]?.toldAt ?? 0));
        const most = Math.max(freshMs / 2, everyMs);
        for (const gap of gaps) assert.ok(gap <= most, `${gap} ms without a word, ${most} are allowed`);
        assert.ok(told.length * most >= 190_000 - most, 'to the end');
        // And no oftener than that needs: two tellings, three times apart, are never within half of what is fresh.
        for (let at = 2; at < told.length; at++)
          assert.ok((told[at]?.toldAt ?? 0) - (told[at - 2]?.toldAt ?? 0) > freshMs / 2 - everyMs);
      }),
      { numRuns: 40 },
    );
  });
});

describe('answers that are told', () => {
  const standing = (id: string, more: Partial<Standing> = {}): Standing => ({
    id,
    since: 1,
    good: 1,
    from: 0,
    at: 0,
    ...more,
  });

  it('go together, once a second at most, the newest of each, as ages', async () => {
    const clock = manualClock(0);
    const sent: { at: number; answers: ProbeAnswer[] }[] = [];
    const teller = answerTeller({ clock, send: (answers) => void sent.push({ at: clock.now(), answers }) });
    teller.tell(standing('a'));
    teller.tell(standing('b'));
    clock.advance(20);
    await turn();
    teller.tell(standing('a', { good: 2, at: 15 }));
    teller.tell(standing('a', { good: 0, at: 20, from: 20, why: 'connection refused' }));
    clock.advance(999);
    await turn();
    assert.equal(sent.length, 1);
    clock.advance(1);
    await turn();
    assert.deepEqual(sent, [
      {
        at: 20,
        answers: [
          { id: 'a', since: 1, good: 1, from: 20, at: 20 },
          { id: 'b', since: 1, good: 1, from: 20, at: 20 },
        ],
      },
      { at: 1_020, answers: [{ id: 'a', since: 1, good: 0, from: 1_000, at: 1_000, why: 'connection refused' }] },
    ]);
  });

  it('wait for those before to be taken, and end', async () => {
    const clock = manualClock(0);
    const sent: string[][] = [];
    const taken = Promise.withResolvers<void>();
    const teller = answerTeller({
      clock,
      send: (answers) => {
        sent.push(answers.map(({ id }) => id));
        return taken.promise;
      },
    });
    teller.tell(standing('a'));
    clock.advance(20);
    teller.tell(standing('b'));
    clock.advance(60_000);
    await turn();
    assert.deepEqual(sent, [['a']]);
    taken.resolve();
    await turn();
    clock.advance(20);
    assert.deepEqual(sent, [['a'], ['b']]);
    await turn();
    teller.tell(standing('c'));
    teller.stop();
    clock.advance(60_000);
    assert.equal(sent.length, 2);
    assert.equal(clock.waiting, 0);
  });
});
