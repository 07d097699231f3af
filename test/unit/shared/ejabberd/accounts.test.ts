import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'mocha';
import { enrolHost, ensureAccount, writeCredentials } from '#shared/ejabberd/accounts.ts';
import type { EjabberdApi } from '#shared/ejabberd/api.ts';

/** Nothing may be asked of the server for a name that cannot be one. */
const nobody: EjabberdApi = () => assert.fail('the server was asked');

describe('accounts', () => {
  it('are written where only the owner reads them, also over a file that others could read', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'skerry-test-accounts-'));
    const file = join(folder, 'deep/credentials.json');
    for (const password of ['one', 'two']) {
      await writeCredentials(file, { jid: 'host1@skerry.test', password });
      assert.deepEqual(JSON.parse(await readFile(file, 'utf8')), { jid: 'host1@skerry.test', password });
      assert.equal((await stat(file)).mode & 0o777, 0o600);
    }
    assert.deepEqual(await readdir(join(folder, 'deep')), ['credentials.json']);
    await rm(folder, { recursive: true });
  });

  it('are not made for what is no account', async () => {
    for (const jid of ['', 'skerry.test', '@skerry.test', 'a b@skerry.test', 'a@b@c', 'x@'])
      await assert.rejects(ensureAccount(nobody, { jid }), { code: 'bad-argument' }, jid);
    for (const name of ['', 'Host1', '-a', 'a.b', '../x', 'x'.repeat(64)])
      await assert.rejects(enrolHost(nobody, 'skerry.test', name), { code: 'bad-argument', message: /a-z/ }, name);
  });
});
