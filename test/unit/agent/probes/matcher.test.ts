import assert from 'node:assert/strict';
import { type Matcher, matcher } from '#agent/probes/matcher.ts';
import { steadyClock } from '#shared/clock.ts';
import { type ManualClock, manualClock } from '#test/unit/support/manual-clock.ts';

/** Takes longer than the age of the world on a text of so many. */
const EVIL = '^(a+)+$';
const VICTIM = `${'a'.repeat(60)}!`;
const signal = () => AbortSignal.timeout(30_000);

describe('a matcher of patterns', () => {
  let by: Matcher;
  let clock: ManualClock;
  beforeEach(() => {
    clock = manualClock();
    by = matcher(clock);
  });
  afterEach(() => by.stop());

  it('finds a pattern in any of the texts, as Unicode', async () => {
    assert.deepEqual(await by.find('^login: $', ['[1.0] up', 'login: '], signal()), { isFound: true });
    assert.deepEqual(await by.find('^.$', ['😀'], signal()), { isFound: true });
    assert.deepEqual(await by.find('down', ['[1.0] up', ''], signal()), { isFound: false });
    assert.deepEqual(await by.find('', [], signal()), { isFound: false });
    assert.deepEqual(await by.find('(', ['x'], signal()), { problem: 'the pattern is not a regular expression' });
  });

  it('does not lay it on a pattern that its thread was slow to begin', async () => {
    const late = matcher(clock, new URL('./slow-match-worker.ts', import.meta.url));
    try {
      assert.deepEqual(await late.find('up', ['[1.0] up'], signal()), { isFound: true });
    } finally {
      late.stop();
    }
  });

  it('does not lay it on a pattern that the machine had no time for its thread', async () => {
    const starved = matcher(clock, new URL('./starved-match-worker.ts', import.meta.url));
    try {
      for (const _ of [1, 2, 3]) assert.deepEqual(await starved.find('up', ['[1.0] up'], signal()), { isFound: true });
    } finally {
      starved.stop();
    }
  });

  it('ends a pattern that would never end, and never holds up this thread', async () => {
    let turns = 0;
    let isOver = false;
    const turn = (): void => {
      turns++;
      if (!isOver) setImmediate(turn);
    };
    turn();
    const found = await by.find(EVIL, [VICTIM], signal());
    isOver = true;
    assert.match(found.problem ?? '', /took longer than/);
    assert.ok(turns > 100, `${turns} turns of this thread went on meanwhile`);
  });

  it('refuses such a pattern for a minute, and goes on with others', async () => {
    const all = await Promise.all([
      by.find(EVIL, [VICTIM], signal()),
      by.find('login', ['login:'], signal()),
      by.find(EVIL, [VICTIM], signal()),
      by.find(EVIL, ['aaaa'], signal()),
    ]);
    assert.deepEqual(
      all.map(({ isFound }) => isFound),
      [undefined, true, undefined, undefined],
    );
    assert.match(all.at(-1)?.problem ?? '', /not tried again for a minute/);
    clock.advance(60_001);
    assert.deepEqual(await by.find(EVIL, ['aaaa'], signal()), { isFound: true });
  });

  it('lets its thread go when nothing is asked for a while, and makes another', async () => {
    assert.deepEqual(await by.find('a', ['a'], signal()), { isFound: true });
    assert.equal(clock.waiting, 1);
    clock.advance(60_000);
    assert.equal(clock.waiting, 0);
    assert.deepEqual(await by.find('a', ['a'], signal()), { isFound: true });
  });

  it('does not try what nobody waits for', async () => {
    await assert.rejects(by.find('a', ['a'], AbortSignal.abort(new Error('enough'))), /enough/);
    assert.equal(clock.waiting, 0, 'no thread was made');
  });

  it('gets no memory without end from a pattern', async () => {
    const own = matcher(steadyClock);
    const found = await own.find('(?:(.)(.)(.)(.)(.)(.)(.)(.))*$', ['x'.repeat(65_536)], signal());
    assert.ok(found.isFound !== undefined || found.problem !== undefined);
    own.stop();
  });
});
