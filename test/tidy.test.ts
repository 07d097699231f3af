import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { climbing, importsOf, misdirected } from './tidy/imports.ts';
import {
  banned,
  defaultExports,
  LINES_MAX,
  leftUndone,
  machinePaths,
  oddlyNamed,
  onlyTests,
  type Rule,
  type SourceFile,
  tooLong,
} from './tidy/rules.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** What git has or would have, as it is in the tree. */
const FILES: readonly SourceFile[] = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\0')
  .filter((path) => path !== '' && existsSync(`${ROOT}${path}`))
  .map((path) => ({ path, text: readFileSync(`${ROOT}${path}`, 'utf8') }));

const isOurs = ({ path }: SourceFile): boolean =>
  /^(shared|agent|central|cli|provisioning|test|bench)\/.*\.ts$/.test(path);
/** These files hold what they look for. */
const isRule = ({ path }: SourceFile): boolean => path.startsWith('test/tidy');
const SOURCES = FILES.filter(isOurs);
const DOCS = FILES.filter(({ path }) => path.endsWith('.md'));

const file = (path: string, text = ''): SourceFile => ({ path, text });

/** A rule that finds nothing in the tree, and something in what breaks it. */
function rule(name: string, check: Rule, files: readonly SourceFile[], broken: readonly SourceFile[]): void {
  describe(name, () => {
    it('holds', () => {
      assert.ok(files.length > 0, 'there are files to look at');
      assert.deepEqual(check(files), []);
    });
    for (const each of broken)
      it(`is broken by ${each.path}${each.text ? ` with ${JSON.stringify(each.text.slice(0, 60))}` : ''}`, () => {
        assert.equal(check([each]).length, 1);
      });
  });
}

describe('the tree', () => {
  rule('imports point one way', misdirected, SOURCES, [
    file('shared/verb/a.ts', "import { a } from '#agent/main.ts';"),
    file('shared/xmpp/a.ts', "import type { A } from '../../agent/main.ts';"),
    file('agent/a.ts', "import { a } from '#cli/main.ts';"),
    file('central/a.ts', "import { a } from '#agent/main.ts';"),
    file('shared/chain/a.ts', "import { readFileSync } from 'node:fs';"),
    file('cli/a.ts', "import {\n  a,\n  b,\n} from '#agent/config.ts';"),
    file('cli/a.ts', "const { a } = await import('#agent/config.ts');"),
    file('provisioning/a.ts', "export { a } from '#agent/config.ts';"),
    file('shared/model/a.ts', "import '#shared/verb/verb.ts';"),
    file('shared/verb/a.ts', "import { a } from '#shared/xmpp/chat.ts';"),
    file('shared/verb/a.ts', "import { a } from '#shared/verbs/guest.ts';"),
    file('shared/verbs/a.ts', "import { a } from '#shared/xmpp/jid.ts';"),
    file('agent/drivers/a.ts', "import xml from '@xmpp/xml';"),
    file('agent/drivers/fake/a.ts', "import { a } from '#shared/verb/perform.ts';"),
    file('agent/a.ts', "import { client } from '@xmpp/client';"),
    file('cli/a.ts', "import xml from '@xmpp/xml';"),
    file('agent/drivers/a.ts', "import { execa } from 'execa';"),
    file('shared/a.ts', "import { spawn } from 'node:child_process';"),
  ]);

  it('imports are found however they are written', () => {
    const text = [
      "import a from 'a';",
      "import type { B } from '#shared/b.ts';",
      "import {\n  c,\n  type D,\n} from './c.ts';",
      "import 'e';",
      "export * from '../f.ts';",
      "await import('#agent/g.ts');",
      "const words = 'from here to there';",
    ].join('\n');
    assert.deepEqual(importsOf(file('cli/x/y.ts', text)), [
      'a',
      'shared/b.ts',
      'cli/x/c.ts',
      'e',
      'cli/f.ts',
      'agent/g.ts',
    ]);
  });

  rule('folders at the top are named from the root', climbing, SOURCES, [
    file('cli/a.ts', "import { a } from '../shared/errors.ts';"),
    file('shared/xmpp/a.ts', "import { a } from '../../agent/main.ts';"),
  ]);
  rule('files are about one thing', tooLong, SOURCES, [file('cli/a.ts', 'x\n'.repeat(LINES_MAX + 1))]);
  rule('names say something', banned, FILES, [
    file('shared/utils.ts'),
    file('cli/string-helpers.ts'),
    file('agent/types.d.ts'),
    file('test/unit/misc.test.ts'),
    file('agent/job-manager.ts'),
  ]);
  rule('names are in kebab-case', oddlyNamed, SOURCES, [file('cli/mainProgram.ts'), file('cli/main_program.ts')]);
  rule(
    'exports have names',
    defaultExports,
    SOURCES.filter(({ path }) => !path.endsWith('.d.ts')),
    [file('cli/a.ts', 'export default 1;'), file('cli/a.ts', 'export { a as default };')],
  );
  rule(
    'nothing is left undone',
    leftUndone,
    FILES.filter((each) => !isRule(each) && !each.path.startsWith('package-lock')),
    [file('cli/a.ts', '// TODO: later'), file('docs/a.md', 'FIXME')],
  );
  rule(
    'all tests run',
    onlyTests,
    SOURCES.filter((each) => !isRule(each)),
    [file('test/a.test.ts', "it.only('a', () => {});")],
  );
  rule(
    'docs and sources name no place of one machine',
    machinePaths,
    [...DOCS, ...SOURCES.filter((each) => !isRule(each))],
    [file('docs/a.md', 'see /root/skerry'), file('cli/a.ts', "const a = '/home/me/a';")],
  );
});
