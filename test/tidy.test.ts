import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { execa } from 'execa';
import { ROOT } from '#cli/rig-options.ts';

/** Who may not import what: a file, an import, and why. */
const DIRECTIONS: readonly (readonly [RegExp, RegExp, string])[] = [
  [
    /^shared\//,
    /^#(agent|central|cli|provisioning|test|bench)\//,
    'shared/ is what both sides mean, and knows neither',
  ],
  [/^shared\/model\//, /^#shared\/(verb|verbs|xmpp)\/|^\.\.\/(verb|verbs|xmpp)\//, 'the model stands below the verbs'],
  [/^agent\/drivers\//, /^@xmpp\/|^#shared\/xmpp\//, 'drivers do not speak XMPP'],
  [/^agent\//, /^#(cli|central|provisioning|test|bench)\//, 'sides meet only over XMPP'],
  [/^cli\//, /^#(agent|central|test|bench)\//, 'sides meet only over XMPP'],
  [/^provisioning\//, /^#(agent|central|cli|test|bench)\//, 'provisioning makes a site; it is no part of one'],
  [/^(agent|cli|provisioning|bench)\//, /^@xmpp\/(?!xml$)/, 'only shared/xmpp/ knows the library'],
];
const NAMES = /^(utils|common|helpers|manager|types|misc)\b/;
const LINES_MAX = 400;

function faultsOf(file: string, text: string): string[] {
  const faults: string[] = [];
  const imports = [
    ...text.matchAll(/^(?:import|export)\b[^'"]*?from '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm),
  ].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
  for (const [who, what, why] of DIRECTIONS) {
    for (const name of imports) if (who.test(file) && what.test(name)) faults.push(`${file} imports ${name}: ${why}`);
  }
  if (NAMES.test(basename(file))) faults.push(`${file}: the name says nothing of what is in it`);
  const lines = text.split('\n').length;
  // A test of many rules may be long: it reads from top to bottom.
  if (lines > LINES_MAX && !file.startsWith('test/'))
    faults.push(`${file} has ${lines} lines; ${LINES_MAX} are a reason to split it`);
  if (/^export default/m.test(text) && !file.endsWith('.d.ts')) faults.push(`${file} has a default export`);
  if (/\b(TODO|FIXME)\b/.test(text) && !file.startsWith('test/tidy')) faults.push(`${file} has something left to do`);
  return faults;
}

describe('the tree', () => {
  it('keeps its directions, names and sizes', async () => {
    const { stdout } = await execa('git', ['ls-files', '*.ts'], { cwd: ROOT });
    const faults: string[] = [];
    for (const file of stdout.split('\n').filter(Boolean))
      faults.push(...faultsOf(file, await readFile(join(ROOT, file), 'utf8').catch(() => '')));
    assert.deepEqual(faults, []);
  });

  const rules: readonly (readonly [string, string, string])[] = [
    ['a shared file that knows an agent', 'shared/a.ts', "import { x } from '#agent/x.ts';"],
    ['a model that knows the verbs', 'shared/model/a.ts', "import { x } from '../verb/x.ts';"],
    ['a driver that speaks XMPP', 'agent/drivers/x/a.ts', "import xml from '@xmpp/xml';"],
    ['a command line that imports an agent', 'cli/a.ts', "import { x } from '#agent/x.ts';"],
    ['an agent that reaches past shared/xmpp', 'agent/a.ts', "import { x } from '@xmpp/client-core';"],
    ['a name that says nothing', 'shared/utils.ts', ''],
    ['a file that is too long', 'shared/a.ts', 'x\n'.repeat(401)],
    ['a default export', 'shared/a.ts', 'export default 1;'],
    ['something left to do', 'shared/a.ts', `// ${'TO'}${'DO'}`],
  ];
  for (const [what, file, text] of rules) {
    it(`would not have ${what}`, () => assert.equal(faultsOf(file, text).length, 1));
  }
});
