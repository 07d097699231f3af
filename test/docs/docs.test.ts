import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FAILURES } from '#shared/errors.ts';
import { OPERATION_MAX } from '#shared/verb/request.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import { strayVerbs } from './mentions.ts';
import { PAGES, stalePages } from './pages.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

describe('docs, made of tables or not,', () => {
  it('that are made of tables are fresh', () => assert.deepEqual(stalePages(), [], 'make them with npm run docs'));

  it('have every verb and every failure', () => {
    const verbs = PAGES['docs/verbs.md']?.() ?? '';
    for (const id of Object.keys(centralVerbs)) assert.ok(verbs.includes(`\n### ${id.replace('.', ' ')}\n`), id);
    const direct = PAGES['docs/agent-verbs.md']?.() ?? '';
    for (const id of Object.keys(agentVerbs)) assert.ok(direct.includes(`\n### ${id.replace('.', ' ')}\n`), id);
    const failures = PAGES['docs/failures.md']?.() ?? '';
    for (const name of Object.keys(FAILURES)) assert.ok(failures.includes(`\n### ${name}\n`), name);
  });

  it('say how long an operation id may be', () => {
    const protocol = readFileSync(`${ROOT}docs/protocol.md`, 'utf8');
    assert.ok(protocol.includes(`\`operation\` is yours to choose: 1 to ${OPERATION_MAX} characters.`));
  });

  it('mention no verb that does not exist', () => {
    for (const file of globSync(['*.md', 'docs/**/*.md'], { cwd: ROOT })) {
      const strays = strayVerbs(readFileSync(`${ROOT}${file}`, 'utf8'), { ...agentVerbs, ...centralVerbs });
      assert.deepEqual(strays, [], file);
    }
  });

  it('are found out where they mention what does not exist', () => {
    const text = [
      './skerry guest start venti',
      './skerry --as viewer guest list; ./skerry up --detach',
      './skerry guest explode venti',
      'the verb `guest.fly`, the node urn:skerry:verb:1#host.sing, and `guest.start`',
      'the role `guest.*` and the file `package.json`',
      './skerry --dir FOLDER dance',
    ].join('\n');
    assert.deepEqual(strayVerbs(text, agentVerbs), [
      { line: 3, said: './skerry guest explode' },
      { line: 4, said: 'host.sing' },
      { line: 4, said: 'guest.fly' },
      { line: 6, said: './skerry dance' },
    ]);
  });
});
