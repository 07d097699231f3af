import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { after, before, describe, it } from 'mocha';
import { stringify } from 'yaml';
import { ROOT } from '#cli/rig-options.ts';

/** What openrc-run(8) reads of a script, and has for it: here it says what it was asked for. */
const RUN = `checkpath() { echo "checkpath $*"; }
. "$1"
case $2 in
start_pre) start_pre ;;
*) eval "echo \\"\\$$2\\"" ;;
esac`;

const SCRIPTS = [
  {
    name: 'skerry-agent',
    config: {
      jid: 'host1@example.org',
      credentials: 'secret.json',
      driver: { kind: 'fake' },
      state: '/var/lib/skerry',
    },
    secret: { jid: 'host1@example.org', password: 'x' },
  },
  {
    name: 'skerry-central',
    config: { jid: 'central.example.org', secret: 'secret.json', state: '/var/lib/skerry-central' },
    secret: { jid: 'central.example.org', secret: 'sixteen-letters-' },
  },
] as const;

describe('the scripts for OpenRC', function () {
  this.timeout(120_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'skerry-openrc-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const { name, config, secret } of SCRIPTS) {
    const asked = (what: string) =>
      execa('sh', ['-euc', RUN, 'sh', join(ROOT, 'provisioning/openrc', name), what], {
        reject: false,
        env: { skerry_clone: ROOT, skerry_node: process.execPath, skerry_config: join(folder, `${name}.yaml`) },
      });

    it(`${name} starts a program that is there, and not before its configuration is right`, async () => {
      writeFileSync(join(folder, 'secret.json'), JSON.stringify(secret), { mode: 0o600 });
      const service = { host: 'xmpp.example.org', port: 5222 };
      writeFileSync(join(folder, `${name}.yaml`), stringify({ ...config, service }));
      const right = await asked('start_pre');
      assert.deepEqual([right.exitCode, right.stderr], [0, '']);
      assert.match(
        right.stdout,
        new RegExp(`^checkpath --directory --mode 0700 --owner ${name.replace('-agent', '')} `),
      );
      // Started, it is told the same.
      const [main = '', ...words] = (await asked('command_args')).stdout.split(' ');
      assert.deepEqual(words, ['--config', join(folder, `${name}.yaml`)]);
      assert.ok(existsSync(main), main);
      writeFileSync(join(folder, `${name}.yaml`), stringify({ ...config, service, surprise: 1 }));
      const wrong = await asked('start_pre');
      assert.equal(wrong.exitCode, 78);
      assert.match(wrong.stderr, /no key surprise/);
    });
  }
});
