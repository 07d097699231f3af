import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { it } from 'mocha';

const folder = new URL('../../../../fixtures/virsh/', import.meta.url);

/** What virsh printed once. */
export const recorded = (name: string): string => readFileSync(new URL(name, folder), 'utf8');

/**
 * A test for each recording whose name begins so: what the parser makes of NAME.txt is what NAME.json holds.
 *
 * With RECORD=1 in the environment the JSON is written anew; read it before you commit it.
 */
export function parsesRecordings(prefix: string, parse: (text: string) => unknown): void {
  const names = readdirSync(folder).filter((name) => name.startsWith(prefix) && name.endsWith('.txt'));
  assert.notEqual(names.length, 0, `recordings of ${prefix}`);
  for (const name of names) {
    it(`reads ${name}`, () => {
      const json = new URL(name.replace(/txt$/, 'json'), folder);
      const parsed = JSON.parse(JSON.stringify(parse(recorded(name))));
      if (process.env.RECORD === '1') writeFileSync(json, `${JSON.stringify(parsed, null, 2)}\n`);
      assert.deepEqual(parsed, JSON.parse(readFileSync(json, 'utf8')));
    });
  }
}
