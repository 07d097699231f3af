import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { it } from 'mocha';

/** What a hypervisor's tools printed once, in a folder of test/fixtures. */
export function recordingsIn(name: string) {
  const folder = new URL(`../../../fixtures/${name}/`, import.meta.url);
  const recorded = (file: string): string => readFileSync(new URL(file, folder), 'utf8');
  /**
   * A test for each recording whose name begins so: what the parser makes of NAME.txt is what NAME.json holds.
   *
   * With RECORD=1 in the environment the JSON is written anew; read it before you commit it.
   */
  const parsesRecordings = (prefix: string, parse: (text: string) => unknown): void => {
    const files = readdirSync(folder).filter((file) => file.startsWith(prefix) && file.endsWith('.txt'));
    assert.notEqual(files.length, 0, `recordings of ${prefix}`);
    for (const file of files) {
      it(`reads ${file}`, () => {
        const json = new URL(file.replace(/txt$/, 'json'), folder);
        const parsed = JSON.parse(JSON.stringify(parse(recorded(file))));
        if (process.env.RECORD === '1') writeFileSync(json, `${JSON.stringify(parsed, null, 2)}\n`);
        assert.deepEqual(parsed, JSON.parse(readFileSync(json, 'utf8')));
      });
    }
  };
  return { recorded, parsesRecordings };
}
