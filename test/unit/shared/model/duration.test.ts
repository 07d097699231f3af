import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Duration, spokenMs, Timeout } from '#shared/model/duration.ts';

const YEAR_MS = 366 * 24 * 3_600_000;

describe('a time in a file', () => {
  const right: readonly (readonly [string, number])[] = [
    ['0s', 0],
    ['500ms', 500],
    ['1.5s', 1_500],
    ['0.001s', 1],
    ['0.4ms', 0],
    ['30s', 30_000],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['8784h', YEAR_MS],
  ];
  for (const [text, ms] of right) it(`is ${ms} ms from ${text}`, () => assert.equal(Duration.parse(text), ms));

  for (const wrong of [
    5,
    '5',
    '',
    's',
    '1 s',
    '-1s',
    '+1s',
    '1.s',
    '.5s',
    '1.0000s',
    '1e3s',
    '1d',
    '1S',
    '1s ',
    '1234567890ms',
    null,
  ])
    it(`is refused from ${JSON.stringify(wrong)}`, () => {
      const read = Duration.safeParse(wrong);
      assert.equal(read.error?.issues[0]?.message, 'write a time with its unit, such as 500ms, 30s, 5m or 1h');
    });

  it('is at most a year', () => {
    assert.equal(Duration.safeParse('8785h').error?.issues[0]?.message, 'at most a year');
  });

  it('is more than nothing where something is to happen in it', () => {
    assert.equal(Timeout.parse('1ms'), 1);
    assert.equal(Timeout.safeParse('0m').error?.issues[0]?.message, 'write more than no time at all');
  });
});

describe('a time for people', () => {
  const said: readonly (readonly [number, string])[] = [
    [-5, '0 ms'],
    [0, '0 ms'],
    [999.4, '999 ms'],
    [999.6, '1 s'],
    [1_499, '1 s'],
    [59_499, '59 s'],
    [59_500, '1 min'],
    [185_000, '3 min 5 s'],
    [3_599_499, '59 min 59 s'],
    [3_600_000, '1 h'],
    [7_800_000, '2 h 10 min'],
  ];
  for (const [ms, text] of said) it(`is ${text} for ${ms}`, () => assert.equal(spokenMs(ms), text));

  it('is never off by more than half of its last unit, or what it leaves out', () => {
    const UNITS: Record<string, number> = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000 };
    fc.assert(
      fc.property(fc.integer({ min: 0, max: YEAR_MS }), (ms) => {
        const parts = [...spokenMs(ms).matchAll(/(\d+) (ms|s|min|h)/g)];
        const read = parts.reduce((sum, [, n, unit]) => sum + Number(n) * (UNITS[unit ?? ''] ?? Number.NaN), 0);
        assert.ok(Math.abs(read - ms) <= (ms < 3_599_500 ? 500 : 60_000), `${spokenMs(ms)} for ${ms}`);
      }),
    );
  });
});
