import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'mocha';
import { parse } from 'yaml';

describe('the list of Debian packages', () => {
  it('can be read, and names each package once for each use', async () => {
    const file = new URL('../../../provisioning/debian-packages.yaml', import.meta.url);
    // A key that stands twice, as after two changes that met, is refused by the parser: nothing of the rig would start.
    const list = parse(await readFile(file, 'utf8')) as Record<string, Record<string, unknown>>;
    assert.ok(Object.keys(list.test ?? {}).includes('profanity'));
  });
});
