import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ROOT } from '#cli/rig-options.ts';
import { parseWords } from '#shared/verb/grammar.ts';
import { wordsIn } from '#shared/verb/words.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { centralVerbs } from '#shared/verbs/central.ts';

const pagesIn = async (): Promise<string[]> => {
  const docs = await readdir(join(ROOT, 'docs'), { recursive: true });
  return [
    'README.md',
    'CONTRIBUTING.md',
    ...docs.filter((file) => file.endsWith('.md')).map((file) => join('docs', file)),
  ];
};

describe('docs', function () {
  this.timeout(120_000);

  it('have no link to a file that is not there', async () => {
    const broken: string[] = [];
    for (const page of await pagesIn()) {
      const text = await readFile(join(ROOT, page), 'utf8');
      for (const [, target = ''] of text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
        if (!/^[a-z]+:/.test(target) && !existsSync(resolve(ROOT, dirname(page), target)))
          broken.push(`${page}: ${target}`);
      }
    }
    assert.deepEqual(broken, []);
  });

  it('type commands that exist, as they would be typed', async () => {
    const own = /^\.\/skerry (up|down|status|test|agent-join|doctor|install|restore|console \S+$)/;
    for (const page of await pagesIn()) {
      const text = await readFile(join(ROOT, page), 'utf8');
      for (const [, line = ''] of text.matchAll(/^ {4}(\.\/skerry [^[\n]*?)(?: {2,}.*)?$/gm)) {
        if (own.test(line) || line.includes('NOUN')) continue;
        const words = wordsIn(line)
          .slice(1)
          .filter((word) => !word.startsWith('--') && word !== 'site.yaml');
        const isDirect = /--(host|direct)\b/.test(line);
        assert.doesNotThrow(() => parseWords(words, isDirect ? agentVerbs : centralVerbs), `${page}: ${line}`);
      }
    }
  });

  it('say nothing of the machine that they were written on', async () => {
    for (const page of await pagesIn())
      assert.doesNotMatch(await readFile(join(ROOT, page), 'utf8'), /\/(home|work|root|tmp)\//, page);
  });
});
