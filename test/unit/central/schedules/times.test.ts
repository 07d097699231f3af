import assert from 'node:assert/strict';
import fc from 'fast-check';
import { dueOf, followingOf, LATE_MS, type Times, timesOf } from '#central/schedules/times.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const ms = (text: string): number => Date.parse(text);
const iso = (all: readonly number[]): string[] => all.map((at) => new Date(at).toISOString().slice(0, 16));

/** Due at each of these. */
const at = (all: readonly number[]): Times => ({ next: (afterMs) => all.find((each) => each > afterMs) });

describe('times of a schedule', () => {
  it('are those of the time zone, over a change of its clocks', () => {
    const nightly = timesOf('30 3 * * *', 'Europe/Berlin');
    assert.deepEqual(iso(followingOf(nightly, ms('2026-03-28T00:00Z'), 3)), [
      '2026-03-28T02:30',
      '2026-03-29T01:30',
      '2026-03-30T01:30',
    ]);
    // 2:30 is not there on March 29, and there twice on October 25.
    const inTheGap = timesOf('30 2 * * *', 'Europe/Berlin');
    assert.deepEqual(iso(followingOf(inTheGap, ms('2026-03-28T12:00Z'), 2)), ['2026-03-29T01:00', '2026-03-30T00:30']);
    assert.deepEqual(iso(followingOf(inTheGap, ms('2026-10-24T12:00Z'), 2)), ['2026-10-25T00:30', '2026-10-26T01:30']);
  });

  it('are what the wall clock of the zone shows, minute by minute, also where clocks change', () => {
    const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu'];
    const changes = [
      '2026-03-08T07:00Z',
      '2026-03-29T01:00Z',
      '2026-04-04T15:00Z',
      '2026-10-25T01:00Z',
      '2026-11-01T06:00Z',
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.constantFrom(...changes),
        fc.constantFrom(1, 5, 7, 15, 20, 30),
        fc.integer({ min: -6 * 60, max: 3 * 60 }),
        fc.integer({ min: 0, max: 59_999 }),
        (zone, change, step, offsetMin, restMs) => {
          const from = ms(change) + offsetMin * MINUTE_MS + restMs;
          const clock = new Intl.DateTimeFormat('en-GB', { timeZone: zone, minute: 'numeric' });
          const shown: number[] = [];
          const first = Math.floor(from / MINUTE_MS) * MINUTE_MS + MINUTE_MS;
          for (let each = first; shown.length < 8; each += MINUTE_MS)
            if (Number(clock.format(each)) % step === 0) shown.push(each);
          assert.deepEqual(iso(followingOf(timesOf(`*/${step} * * * *`, zone), from, 8)), iso(shown));
        },
      ),
      { numRuns: 150 },
    );
  });

  it('are one, where one is named', () => {
    const once = timesOf('2026-11-22t03:00:00+01:00', 'UTC');
    assert.deepEqual(iso(followingOf(once, ms('2026-01-01T00:00Z'), 5)), ['2026-11-22T02:00']);
    assert.equal(once.next(ms('2026-11-22T02:00Z')), undefined);
  });

  it('are refused, with what would be right, where they cannot be read', () => {
    for (const when of ['2026-02-30T00:00:00Z', '2026-11-22', '2026-11-22T03:00:00', '2026-11-22T25:00:00Z'])
      assert.throws(() => timesOf(when, 'UTC'), /is no time; try 2027/, when);
    for (const when of ['', '* * * *', '* * * * * *', '61 * * * *', '@reboot', 'tomorrow'])
      assert.throws(() => timesOf(when, 'UTC'), /when: .*use a cron expression/, when);
    assert.throws(() => timesOf('* * * * *', 'Mars/Olympus'), /no time zone Mars\/Olympus/);
  });
});

describe('what is due', () => {
  const START = ms('2026-06-01T00:00Z');
  const dues = fc
    .uniqueArray(fc.integer({ min: 1, max: 400 }), { maxLength: 40 })
    .map((all) => all.toSorted((a, b) => a - b).map((minute) => START + minute * MINUTE_MS));
  const moment = fc.integer({ min: 0, max: 420 * MINUTE_MS }).map((passed) => START + passed);

  it('is nothing that was not due, was run, or is yet to come', () => {
    fc.assert(
      fc.property(
        dues,
        moment,
        moment,
        fc.constantFrom('skip' as const, 'once' as const, 'all' as const),
        (all, last, now, missed) => {
          const between = all.filter((each) => each > last && each <= now);
          const { runs, passed, next } = dueOf(at(all), missed, last, now);
          const newest = between.at(-1);
          if (missed === 'all') assert.deepEqual(runs, between);
          else if (newest === undefined) assert.deepEqual([runs, passed], [[], undefined]);
          else if (missed === 'once' || now - newest <= LATE_MS)
            assert.deepEqual([runs, passed], [[newest], undefined]);
          else assert.deepEqual([runs, passed], [[], newest]);
          if (runs.length === 0)
            assert.equal(
              next,
              all.find((each) => each > Math.max(last, now)),
            );
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('is each time once, however the clock goes', () => {
    fc.assert(
      fc.property(
        dues,
        fc.array(fc.integer({ min: -120 * MINUTE_MS, max: 120 * MINUTE_MS }), { maxLength: 30 }),
        fc.constantFrom('skip' as const, 'once' as const, 'all' as const),
        (all, steps, missed) => {
          const ran: number[] = [];
          let now = START;
          let last = START;
          for (const step of steps) {
            now += step;
            const { runs, passed } = dueOf(at(all), missed, last, now);
            ran.push(...runs);
            last = runs.at(-1) ?? passed ?? last;
          }
          assert.equal(new Set(ran).size, ran.length);
          assert.ok(ran.every((each) => all.includes(each)));
          const reached = steps.reduce(({ at, max }, step) => ({ at: at + step, max: Math.max(max, at + step) }), {
            at: START,
            max: START,
          }).max;
          if (missed === 'all')
            assert.deepEqual(
              ran,
              all.filter((each) => each <= reached),
            );
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('counts from now again where the clock had been days ahead', () => {
    const nightly = timesOf('0 3 * * *', 'UTC');
    const now = ms('2026-06-01T00:00Z');
    assert.deepEqual(iso([dueOf(nightly, 'skip', now + 900 * DAY_MS, now).next ?? 0]), ['2026-06-01T03:00']);
    assert.deepEqual(iso([dueOf(nightly, 'skip', now + 12 * HOUR_MS, now).next ?? 0]), ['2026-06-02T03:00']);
  });

  it('is found quickly among the minutes of a year, and run in bounded parts', () => {
    const each = timesOf('* * * * *', 'Europe/Berlin');
    let asked = 0;
    const counted: Times = {
      next: (after) => {
        asked++;
        return each.next(after);
      },
    };
    const now = START + 30_000;
    assert.deepEqual(iso(dueOf(counted, 'once', START - 365 * DAY_MS, now).runs), ['2026-06-01T00:00']);
    assert.ok(asked < 150, `${asked} times`);
    const { runs } = dueOf(each, 'all', START - DAY_MS, now);
    assert.deepEqual([runs.length, runs[0]], [50, START - DAY_MS + MINUTE_MS]);
  });
});
