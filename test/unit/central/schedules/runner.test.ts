import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { scheduleRunner } from '#central/schedules/runner.ts';
import type { Schedule, ScheduleStore, StoredSchedule } from '#central/schedules/store.ts';
import { operationOf } from '#central/schedules/turn.ts';
import { Failure } from '#shared/errors.ts';
import type { Job } from '#shared/model/job.ts';
import type { Missed } from '#shared/model/schedule.ts';
import type { JobListener } from '#shared/verb/offer.ts';
import type { Perform, Request } from '#shared/verb/request.ts';
import { manualClock } from '#test/unit/support/manual-clock.ts';

const START = Date.UTC(2026, 5, 1);
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

const requester = { bareJid: 'ann@x.test', fullJid: 'ann@x.test' };
const schedule = (over: Partial<Schedule> = {}): Schedule => ({
  name: 'nightly',
  when: '*/10 * * * *',
  zone: 'UTC',
  verb: 'guest.start',
  args: { guest: 'venti' },
  missed: 'skip',
  confirmed: false,
  requester: 'ann@x.test',
  addedAt: new Date(START).toISOString(),
  ...over,
});

/** A disk, a journal that acts once for each operation id, and programs that may be killed at each step between the two. */
function world() {
  const clock = manualClock(START);
  const disk = new Map<string, StoredSchedule>();
  const acted = new Map<string, Request>();
  const asked: Request[] = [];
  const timers: number[] = [];
  const jobs = new Map<string, Job>();
  const listeners = new Set<JobListener>();
  const now = {
    isFull: false,
    killIn: Number.POSITIVE_INFINITY,
    isHeld: false,
    mayRun: true,
    answer: 'result' as 'result' | 'job' | 'ended job',
  };
  let generation = 0;
  let end = (): void => {};

  /** Between two steps a program may die: nothing of it happens any more. */
  const step = async (mine: number): Promise<void> => {
    await Promise.resolve();
    if (mine === generation && --now.killIn === 0) generation++;
    if (mine !== generation) await new Promise(() => {});
  };
  const store = (mine: number): ScheduleStore => {
    const write = async (work: () => void): Promise<void> => {
      await step(mine);
      if (now.isFull) throw new Failure('host-space', { problem: 'database or disk is full' });
      work();
      await step(mine);
    };
    const put = (stored: StoredSchedule) => write(() => void disk.set(stored.schedule.name, structuredClone(stored)));
    return { add: put, put, remove: (name) => write(() => void disk.delete(name)) };
  };
  const start = () => {
    end();
    const mine = ++generation;
    const perform: Perform = async (request) => {
      await step(mine);
      asked.push(request);
      if (!now.mayRun) throw new Failure('not-permitted', { requester: request.requester.bareJid, verb: request.verb });
      if (!acted.has(request.operation)) acted.set(request.operation, request);
      await step(mine);
      while (now.isHeld) await turn();
      if (now.answer !== 'result') return { kind: 'job', job: jobOf(request.operation), replayed: false };
      return { kind: 'result', value: {}, replayed: false };
    };
    const bugs: unknown[] = [];
    const runner = scheduleRunner({
      loaded: structuredClone([...disk.values()]),
      store: store(mine),
      perform,
      jobs: {
        find: (id) => jobs.get(id),
        onJob: (listener) => {
          listeners.add(listener);
          return () => void listeners.delete(listener);
        },
      },
      clock: {
        now: clock.now,
        after: (ms, call) => {
          timers.push(ms);
          return clock.after(ms, () => mine === generation && call());
        },
      },
      onBug: (error) => void bugs.push(error),
    });
    end = runner.stop;
    runner.start();
    return { runner, bugs, isDead: () => mine !== generation };
  };
  const tell = (job: Job): Job => {
    jobs.set(job.id, job);
    for (const listener of listeners) listener(job, { requester, surface: 'schedule' });
    return job;
  };
  const jobOf = (id: string): Job => {
    const known = jobs.get(id);
    if (known) return known;
    const begun = tell({
      ...{ id, verb: 'guest.shutdown', target: 'venti', state: 'running', progress: 'begun' },
      ...{ requester: requester.bareJid, startedAt: new Date(clock.now()).toISOString() },
    });
    // Its end may be told before it is known that it began.
    if (now.answer === 'ended job')
      tell({ ...begun, state: 'cancelled', outcome: 'job-cancelled', progress: 'by ann' });
    return begun;
  };
  /** The job of the run that was due then ends. */
  const ends = (at: string, end: Pick<Job, 'state' | 'outcome' | 'progress'>): void => {
    const job = jobs.get(operationOf('nightly', `2026-06-01T${at}:00.000Z`));
    assert.ok(job);
    tell({ ...job, ...end });
  };
  /** In small moves, so that what a move begins is done within it. */
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= MINUTE_MS) {
      clock.advance(Math.min(left, MINUTE_MS));
      for (let at = 0; at < 3; at++) await turn();
    }
  };
  const dues = (): string[] => [...acted.keys()].map((id) => id.split(' ')[2]?.slice(11, 16) ?? '');
  return { clock, disk, acted, asked, timers, now, start, pass, dues, ends };
}

describe('the runner of schedules', () => {
  it('runs a verb at each time, as whoever made it, and says how it went', async () => {
    const { start, pass, asked, dues } = world();
    const { runner } = start();
    await runner.add(schedule());
    await pass(25 * MINUTE_MS);
    assert.deepEqual(dues(), ['00:10', '00:20']);
    assert.deepEqual(asked[0], {
      verb: 'guest.start',
      args: { guest: 'venti' },
      requester: { bareJid: 'ann@x.test', fullJid: 'ann@x.test' },
      surface: 'schedule',
      operation: 'schedule nightly 2026-06-01T00:10:00.000Z',
      confirmed: false,
    });
    const { lastRun, nextAt } = runner.find('nightly') ?? {};
    assert.deepEqual([lastRun?.outcome, nextAt], ['done', '2026-06-01T00:30:00.000Z']);
    await runner.remove('nightly');
    await pass(HOUR_MS);
    assert.equal(asked.length, 2);
  });

  it('says how the job ended that it began, when it has, and also when that was while it was away', async () => {
    const { start, pass, now, ends, disk } = world();
    now.answer = 'job';
    const first = start();
    await first.runner.add(schedule({ verb: 'guest.shutdown' }));
    const last = (runner: typeof first.runner) => runner.find('nightly')?.lastRun;
    await pass(11 * MINUTE_MS);
    assert.equal(last(first.runner)?.outcome, 'begun');
    ends('00:10', { state: 'failed', outcome: 'guest-not-stopped', progress: 'venti is still up.' });
    await pass(MINUTE_MS);
    const failed = { due: '2026-06-01T00:10:00.000Z', outcome: 'guest-not-stopped', text: 'venti is still up.' };
    const { job: _, ...shown } = last(first.runner) ?? { job: '' };
    assert.deepEqual(shown, failed);
    await pass(10 * MINUTE_MS);
    assert.deepEqual([last(first.runner)?.due.slice(11, 16), last(first.runner)?.outcome], ['00:20', 'begun']);
    ends('00:10', { state: 'done', outcome: 'done', progress: 'done' });
    await pass(MINUTE_MS);
    assert.equal(last(first.runner)?.outcome, 'begun', 'the end of an earlier run is none of this one');
    first.runner.stop();
    ends('00:20', { state: 'done', outcome: 'done', progress: 'done' });
    const { runner } = start();
    await pass(MINUTE_MS);
    assert.equal(last(runner)?.outcome, 'done');
    assert.equal(disk.get('nightly')?.lastRun?.outcome, 'done');
  });

  it('says how a job ended that ended before it was known to have begun', async () => {
    const { start, pass, now } = world();
    now.answer = 'ended job';
    const { runner } = start();
    await runner.add(schedule({ verb: 'guest.shutdown' }));
    await pass(11 * MINUTE_MS);
    const { outcome, text } = runner.find('nightly')?.lastRun ?? {};
    assert.deepEqual([outcome, text], ['job-cancelled', 'by ann']);
  });

  const missed: [Missed, string[]][] = [
    ['skip', ['00:40']],
    ['once', ['00:30', '00:40']],
    ['all', ['00:10', '00:20', '00:30', '00:40']],
  ];
  for (const [how, expected] of missed)
    it(`treats what was missed as it was told: ${how}`, async () => {
      const { start, pass, dues } = world();
      const { runner } = start();
      await runner.add(schedule({ missed: how }));
      runner.stop();
      await pass(35 * MINUTE_MS);
      assert.deepEqual(dues(), []);
      const again = start();
      await pass(2 * MINUTE_MS);
      assert.equal(again.runner.find('nightly')?.lastRun?.outcome, how === 'skip' ? 'skipped' : 'done');
      await pass(5 * MINUTE_MS);
      assert.deepEqual(dues(), expected);
    });

  it('does not run what is years away at once, and sets no timer that a computer cannot count', async () => {
    const { start, pass, asked, timers } = world();
    const { runner } = start();
    await runner.add(schedule({ name: 'far', when: '2060-01-01T00:00:00Z' }));
    await pass(HOUR_MS);
    assert.equal(asked.length, 0);
    assert.ok(timers.length > 0 && timers.every((ms) => ms >= 0 && ms <= LONGEST_TIMER_MS));
  });

  it('runs one time once, also when it is started again', async () => {
    const { start, pass, dues } = world();
    await start().runner.add(schedule({ when: '2026-06-01T00:05:30Z' }));
    await pass(HOUR_MS);
    assert.equal(start().runner.find('nightly')?.nextAt, null);
    await pass(HOUR_MS);
    assert.deepEqual(dues(), ['00:05']);
  });

  it('lets runs of one schedule follow each other, and others go by', async () => {
    const { start, pass, dues, now, asked } = world();
    const { runner } = start();
    await runner.add(schedule({ name: 'slow', missed: 'all' }));
    await pass(9 * MINUTE_MS);
    now.isHeld = true;
    await runner.add(schedule({ name: 'other', when: '15 * * * *' }));
    await pass(22 * MINUTE_MS);
    assert.deepEqual(
      asked.map(({ operation }) => operation.split(' ')[1]),
      ['slow', 'other'],
    );
    now.isHeld = false;
    await pass(MINUTE_MS);
    assert.deepEqual(dues(), ['00:10', '00:15', '00:20', '00:30']);
  });

  it('runs nothing that it cannot write down first, and makes up for it when there is room', async () => {
    const { start, pass, asked, now, dues } = world();
    const { runner, bugs } = start();
    await runner.add(schedule({ missed: 'once' }));
    now.isFull = true;
    await pass(12 * MINUTE_MS);
    assert.equal(asked.length, 0);
    assert.ok(bugs.length > 0 && bugs.length < 10, `${bugs.length} times`);
    now.isFull = false;
    await pass(MINUTE_MS);
    assert.deepEqual(dues(), ['00:10']);
  });

  it('says that it was refused, and asks again at the next time', async () => {
    const { start, pass, now, dues } = world();
    const { runner, bugs } = start();
    await runner.add(schedule());
    now.mayRun = false;
    await pass(11 * MINUTE_MS);
    assert.deepEqual(runner.find('nightly')?.lastRun, {
      due: '2026-06-01T00:10:00.000Z',
      outcome: 'not-permitted',
      text: 'ann@x.test may not guest.start.',
    });
    now.mayRun = true;
    await pass(10 * MINUTE_MS);
    assert.deepEqual([dues(), bugs], [['00:20'], []]);
  });

  it('acts for each time once, wherever it is killed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            passMin: fc.integer({ min: 1, max: 25 }),
            killIn: fc.integer({ min: 1, max: 12 }),
            isFull: fc.boolean(),
            answer: fc.constantFrom('result' as const, 'job' as const, 'ended job' as const),
          }),
          { minLength: 1, maxLength: 8 },
        ),
        async (lives) => {
          const { start, pass, acted, now, clock, dues } = world();
          await start().runner.add(schedule({ missed: 'all' }));
          for (const { passMin, killIn, isFull, answer } of lives) {
            now.answer = answer;
            now.killIn = killIn;
            now.isFull = isFull;
            await pass(passMin * MINUTE_MS);
            start();
          }
          now.killIn = Number.POSITIVE_INFINITY;
          now.isFull = false;
          start();
          await pass(MINUTE_MS);
          const count = Math.floor((clock.now() - START) / (10 * MINUTE_MS));
          assert.equal(acted.size, count, dues().join());
          assert.deepEqual(dues(), dues().toSorted());
        },
      ),
      { numRuns: 60 },
    );
  });

  it('runs what was cut off in the middle, however late, also where missed runs are skipped', async () => {
    const { start, pass, now, dues, acted } = world();
    await start().runner.add(schedule());
    // Killed after it is written down that it runs, and before it is asked for.
    now.killIn = 3;
    await pass(11 * MINUTE_MS);
    assert.equal(acted.size, 0);
    await pass(40 * MINUTE_MS);
    start();
    await pass(MINUTE_MS);
    assert.deepEqual(dues(), ['00:10']);
  });
});
