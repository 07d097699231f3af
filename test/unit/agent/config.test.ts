import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, describe, it } from 'mocha';
import { AgentConfig, readConfig, readPassword } from '#agent/config.ts';
import { nameOfDriver } from '#agent/driver-config.ts';
import { configReference } from '#shared/config/reference.ts';
import { Failure } from '#shared/errors.ts';

const EXAMPLE = fileURLToPath(new URL('../../../agent/agent.example.yaml', import.meta.url));
const LEAST = 'jid: host1@x.test\ncredentials: c.json\nservice: { host: x.test }\nstate: s\ndriver: { kind: fake }\n';

describe("the agent's configuration", () => {
  const folder = mkdtempSync(join(tmpdir(), 'skerry-config-'));
  after(() => rmSync(folder, { recursive: true }));
  const written = (text: string, name = 'agent.yaml', mode = 0o600): string => {
    const file = join(folder, name);
    writeFileSync(file, text);
    chmodSync(file, mode);
    return file;
  };
  const refused = (text: string): string => {
    try {
      readConfig(written(text));
    } catch (error) {
      assert.ok(error instanceof Failure && error.code === 'config-invalid', String(error));
      assert.ok(error.message.startsWith(join(folder, 'agent.yaml')), error.message);
      return error.message;
    }
    return assert.fail(`taken: ${text}`);
  };

  it('takes the example', () => {
    const config = readConfig(EXAMPLE);
    assert.equal(config.host, 'host1');
    assert.equal(config.service.directTls, true);
    assert.deepEqual(config.drivers, [{ kind: 'libvirt', uri: 'qemu:///system' }]);
    assert.equal(config.policy.grants.length, 3);
    assert.match(config.credentials, /\/agent\/host1\.json$/);
  });

  it('lists commands by their whole path, and by names that are words', () => {
    const commands = (text: string): string => `${LEAST}probes: { commands: { ${text} } }\n`;
    assert.deepEqual(readConfig(written(commands('raid: [/bin/true, -q]'))).probes.commands, {
      raid: ['/bin/true', '-q'],
    });
    assert.deepEqual(readConfig(written(LEAST)).probes.commands, {});
    assert.match(refused(commands('raid: [ls]')), /line 6: probes\.commands\.raid: .*whole path/);
    assert.match(refused(commands('raid: []')), /line 6: probes\.commands\.raid/);
    assert.match(refused(commands('raid: /bin/true')), /line 6: probes\.commands\.raid/);
    assert.match(refused(commands('"a b": [/bin/true]')), /line 6: probes\.commands/);
  });

  it('takes the least, and fills in the rest', () => {
    const config = readConfig(written(LEAST));
    assert.equal(config.host, 'host1');
    assert.equal(config.service.port, 5222);
    assert.equal(config.log, 'info');
    assert.deepEqual(config.policy, { roles: {}, grants: [] });
    assert.equal(config.state, join(folder, 's'));
  });

  it('says of what is wrong where it stands, which key, and what would be right', () => {
    assert.match(refused(`${LEAST}log: loud\n`), /line 6: log: .*"debug"/);
    assert.match(refused(`${LEAST}polcy: {}\n`), /line 6: the file: there is no key polcy; there are jid, .*policy/);
    assert.match(
      refused(LEAST.replace('{ host: x.test }', '{ host: x.test, port: 99999 }')),
      /line 3: service\.port: .*65535/,
    );
    assert.match(refused(LEAST.replace('{ host: x.test }', '{ hst: x.test }')), /line 3: service/);
    assert.match(refused(LEAST.replace('host1@x.test', 'host1')), /line 1: jid: a bare JID is due/);
    assert.match(refused(LEAST.replace('state: s\n', '')), /state: .*expected string/);
    assert.match(refused(LEAST.replace('kind: fake', 'kind: xen')), /line 5: driver\.kind/);
    assert.match(
      refused(`${LEAST}policy: { grants: [{ role: boss, jid: a@b }] }\n`),
      /line 6: policy\.grants\.0\.role: .*no role boss/,
    );
    assert.match(
      refused(`${LEAST}policy: { grants: [{ role: admin, affiliation: owner, room: ops@c.x }] }\n`),
      /line 6: policy: .*central alone reads rooms/,
    );
    assert.match(refused('jid: [unclosed'), /agent\.yaml:\d+: /);
    assert.match(refused(''), /expected object/);
    assert.match(refused(`a: &a [1]\nb: *a\n${LEAST}`), /alias/i);
    assert.match(refused(LEAST.replace('host1@', 'HOST_1@')), /no name for a host/);
  });

  it('takes guests of the fake hypervisor by number or by list', () => {
    const by = (guests: string) =>
      readConfig(written(LEAST.replace('kind: fake', `kind: fake, guests: ${guests}`))).drivers[0];
    assert.deepEqual(by('1000'), { kind: 'fake', guests: 1000, bootMs: 2000, shutdownMs: 1000, changeMs: 0 });
    assert.match(JSON.stringify(by('[{ name: web, running: true }]')), /"web"/);
    assert.match(refused(LEAST.replace('kind: fake', 'kind: fake, guests: [{ nme: web }]')), /line 5: driver\.guests/);
  });

  it('takes several drivers, each by a name of its own', () => {
    const several = (list: string): string => LEAST.replace(/driver: .*/, `drivers: ${list}`);
    const config = readConfig(written(several('[{ kind: libvirt }, { kind: fake, imageFolder: images }]')));
    assert.deepEqual(
      config.drivers.map(({ kind }) => kind),
      ['libvirt', 'fake'],
    );
    assert.equal(config.drivers[1]?.imageFolder, join(folder, 'images'));
    const named = readConfig(written(several('[{ kind: fake }, { kind: fake, name: other }]')));
    assert.deepEqual(named.drivers.map(nameOfDriver), ['fake', 'other']);
    assert.match(refused(several('[{ kind: fake }, { kind: fake }]')), /drivers: two are of one name/);
    assert.match(refused(several('[]')), /drivers/);
    assert.match(refused(several('[{ kind: fake, name: A b }]')), /drivers\.0\.name/);
    assert.match(refused(`${LEAST}drivers: [{ kind: fake }]\n`), /driver: give `driver` or `drivers`, not both/);
    assert.match(refused(LEAST.replace(/driver: .*\n/, '')), /driver: is missing: give `driver`, or `drivers`/);
  });

  it('reads the password of that account, from a file that nobody else can read', () => {
    const at = (text: string, mode = 0o600) => ({ jid: 'host1@x.test', credentials: written(text, 'c.json', mode) });
    const right = '{"jid":"host1@x.test","password":"secret"}';
    assert.equal(readPassword(at(right)), 'secret');
    for (const mode of [0o640, 0o604, 0o666]) assert.throws(() => readPassword(at(right, mode)), /chmod 600/);
    assert.throws(() => readPassword(at('{"jid":"host2@x.test","password":"secret"}')), /it is for host2@x\.test/);
    assert.throws(() => readPassword(at('{"jid":"host1@x.test"}')), /password/);
    assert.throws(
      () => readPassword(at('secret not json')),
      (error) => error instanceof Failure && !/secret/.test(error.message),
    );
    assert.throws(() => readPassword({ jid: 'a@b', credentials: join(folder, 'none.json') }), /none\.json/);
    assert.throws(() => readPassword(at('{"jid":"host1@x.test","password":""}')), Failure);
  });

  it('describes every key', () => {
    const rows = configReference(AgentConfig).split('\n').slice(2, -1);
    assert.ok(rows.length > 25);
    for (const row of rows) assert.ok((row.split(' | ')[1] ?? '').length > 5, `a description: ${row}`);
  });
});
