import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { edges } from './families/edges.ts';
import type { Family } from './families/family.ts';
import { failures, order, parts } from './families/graphs.ts';
import { bounds, keeps, probes, retries } from './families/times.ts';
import { played } from './stories.ts';

/**
 * The cases of test/fixtures/chains/cases. `stories-*.txt` are told by hand and read one by one; the others are made by a
 * rule, which is at their head, and are held by an oracle too. To write them anew, to be read as a difference before it
 * is kept: SKERRY_CASES=write.
 */
const FOLDER = fileURLToPath(new URL('../../../fixtures/chains/cases/', import.meta.url));
const FAMILIES: readonly Family[] = [order, parts, failures, edges, bounds, retries, probes, keeps];
const isWriting = process.env.SKERRY_CASES === 'write';

const textOf = (name: string): string => readFileSync(`${FOLDER}${name}.txt`, 'utf8');

function written(family: Family): string {
  const lines = family.questions().map((question) => `${question} => ${family.play(question)}`);
  return `${[...family.about.map((line) => `# ${line}`), ...lines].join('\n')}\n`;
}

const casesIn = (text: string): string[] => text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

describe('cases by a rule', () => {
  for (const family of FAMILIES) {
    if (isWriting) writeFileSync(`${FOLDER}${family.name}.txt`, written(family));
    it(`${family.name}: the engine and the oracle give what the file says`, () => {
      const cases = casesIn(textOf(family.name)).map((line) => line.split(' => '));
      for (const [question = '', answer] of cases) {
        assert.equal(family.play(question), answer, `the engine on: ${question}`);
        assert.equal(family.oracle(question), answer, `the oracle on: ${question}`);
      }
      assert.deepEqual(
        cases.map(([question]) => question),
        family.questions(),
        'the file has every case of its rule',
      );
    });
  }
});

describe('stories', () => {
  const files = readdirSync(FOLDER).filter((file) => file.startsWith('stories-'));
  for (const file of files) {
    const text = textOf(file.replace('.txt', ''));
    if (isWriting) writeFileSync(`${FOLDER}${file}`, played(text));
    it(file, () => assert.equal(played(text), text));
  }

  it('and cases by a rule are a thousand at least', () => {
    const told = files.map((file) => textOf(file.replace('.txt', '')).match(/^## /gm)?.length ?? 0);
    const made = FAMILIES.map(({ name }) => casesIn(textOf(name)).length);
    assert.ok([...told, ...made].reduce((sum, count) => sum + count, 0) >= 1_000);
  });
});
