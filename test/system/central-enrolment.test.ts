import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { execa } from 'execa';
import { MAIN, type TestRig, testRig, UP_TIMEOUT_MS } from './support/rig.ts';

interface Enrolled {
  token: string;
  jid: string;
}

describe('a new host', function () {
  this.timeout(240_000);
  let rig: TestRig;
  const folder = mkdtempSync(join(tmpdir(), 'skerry-join-'));
  before(async function () {
    // As a rule the first that asks for the rig.
    this.timeout(UP_TIMEOUT_MS + 60_000);
    rig = await testRig();
  });
  after(async () => {
    await rig.skerry(['host', 'forget', 'host9', '--yes']);
    rmSync(folder, { recursive: true, force: true });
  });
  const enrol = async (...words: string[]): Promise<Enrolled> => {
    const { stdout, stderr, exitCode } = await rig.skerry(['host', 'enrol', 'host9', '--json', ...words]);
    assert.equal(exitCode, 0, stderr);
    return JSON.parse(stdout);
  };
  const joinWith = (token: string, out: string) =>
    execa(
      process.execPath,
      [MAIN, 'agent-join', '--token', token, '--service', `127.0.0.1:${rig.xmpp.port}`, '--ca', rig.ca, '--out', out],
      { reject: false, timeout: 30_000 },
    );
  const databaseOf = () => new DatabaseSync(join(rig.dir, 'central', 'state', 'central.sqlite'), { readOnly: true });

  it('joins with its token, once, and gets an account that only its file knows', async () => {
    const { token, jid } = await enrol();
    assert.equal(jid, 'host9@skerry.test');
    const out = join(folder, 'host9.json');
    const first = await joinWith(token, out);
    assert.equal(first.exitCode, 0, first.stderr);
    assert.equal(statSync(out).mode & 0o777, 0o600);
    const { password } = JSON.parse(readFileSync(out, 'utf8'));
    assert.ok(!token.includes(password));
    const again = await joinWith(token, join(folder, 'thief.json'));
    assert.match(again.stderr, /may not join/);
    assert.equal(again.exitCode === 0, false);
    const { stdout } = await rig.skerry(['host', 'list', '--json']);
    const host = (JSON.parse(stdout) as { name: string; state: string }[]).find(({ name }) => name === 'host9');
    assert.equal(host?.state, 'unreachable');
  });

  it('keeps its token out of central’s database', async () => {
    const { token } = await enrol('again=yes');
    const [, secret = ''] = token.split(':');
    const database = databaseOf();
    try {
      for (const table of ['tokens', 'operations', 'audit'])
        for (const row of database.prepare(`SELECT * FROM ${table}`).all())
          assert.ok(!JSON.stringify(row).includes(secret), table);
    } finally {
      database.close();
    }
  });

  it('is not let in by a token that is wrong, used up by a newer one, or of a host that is forgotten', async () => {
    const { token: older } = await enrol('again=yes');
    const { token } = await enrol('again=yes');
    for (const wrong of [older, `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`]) {
      const { stderr, exitCode } = await joinWith(wrong, join(folder, 'wrong.json'));
      assert.match(stderr, /may not join: the server does not take it/);
      assert.notEqual(exitCode, 0);
    }
    assert.equal((await rig.skerry(['host', 'forget', 'host9', '--yes'])).exitCode, 0);
    assert.notEqual((await joinWith(token, join(folder, 'gone.json'))).exitCode, 0);
  });

  it('is enrolled by an administrator alone, and not twice by mistake', async () => {
    const refused = await rig.skerry(['host', 'enrol', 'host8', '--as', 'operator']);
    assert.match(refused.stderr, /operator@skerry.test may not host.enrol/);
    const there = await rig.skerry(['host', 'enrol', 'host1']);
    assert.match(there.stderr, /There is a host host1 already/);
    const wrong = await rig.skerry(['host', 'enrol', 'Host_9']);
    assert.match(wrong.stderr, /use 1 to 63 of a-z 0-9/);
  });
});
