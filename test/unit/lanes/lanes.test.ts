import assert from 'node:assert/strict';
import { lanesOf } from '#test/lanes/lanes.ts';
import { inTurn, summary } from '#test/lanes/telling.ts';

const TREE: Record<string, string> = {
  'test/system/support/rig.ts': "export function testRig() {}\nimport { until } from './until.ts';",
  'test/system/support/until.ts': '',
  'test/system/a.test.ts': "import { testRig } from './support/rig.ts';\nawait testRig();",
  'test/system/b.test.ts': "import { startRig } from './support/rig.ts';\nawait startRig();",
  'test/system/c.test.ts': "import './clients/inside.ts';",
  'test/system/clients/inside.ts': "import { testRig } from '../support/rig.ts';\ntestRig();",
  'test/unit/d.test.ts': "import { describe } from 'mocha';",
};
const read = (path: string) => (path in TREE ? { path, text: TREE[path] ?? '' } : undefined);

describe('lanes of tests', () => {
  it('puts all that share the rig in one, whichever way they come to it, and the others beside them', () => {
    const files = Object.keys(TREE).filter((path) => path.endsWith('.test.ts'));
    assert.deepEqual(lanesOf(files, read), [
      { name: 'rig', files: ['test/system/a.test.ts', 'test/system/c.test.ts'] },
      { name: 'other', files: ['test/system/b.test.ts', 'test/unit/d.test.ts'] },
    ]);
  });

  it('has one lane where all are of one kind', () => {
    assert.deepEqual(lanesOf(['test/unit/d.test.ts'], read), [{ name: 'other', files: ['test/unit/d.test.ts'] }]);
  });

  it('prints one after the other: the first as it comes, what the others said when it is their turn', () => {
    let printed = '';
    const turn = inTurn(['one', 'two', 'three'], (text) => {
      printed += text;
    });
    turn.say('two', 'b1 ');
    turn.say('one', 'a1 ');
    turn.end('three');
    assert.equal(printed, 'a1 ');
    turn.say('one', 'a2 ');
    turn.end('one');
    assert.equal(printed, 'a1 a2 b1 ');
    turn.say('two', 'b2 ');
    turn.end('two');
    assert.equal(printed, 'a1 a2 b1 b2 ');
  });

  it('counts all lanes in the last line, names what failed, and has a lane that died as a failure', () => {
    const lane = { name: 'rig', files: [] } as const;
    const failed = [{ file: 'a.test.ts', title: 'a is b', message: 'a is c' }];
    const counts = { passes: 3, failures: 1, pending: 2, files: { 'a.test.ts': 1_400 }, failed };
    const ends = [
      { lane: { ...lane, files: [] }, exitCode: 1, counts },
      { lane: { ...lane, name: 'other' as const, files: [] }, exitCode: 137, counts: undefined },
    ];
    const lines = summary(ends, 61_000).split('\n');
    assert.equal(lines.at(-1), '3 passed, 2 failed, 2 skipped');
    assert.equal(lines.at(-3), 'Failed: a.test.ts: a is b: a is c');
    assert.match(lines.at(-2) ?? '', /"other" died \(137\)/);
    assert.match(lines[1] ?? '', /1 s {2}a\.test\.ts/);
  });
});
