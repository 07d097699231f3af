import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { chosenHosts } from '#cli/finding.ts';
import { Failure } from '#shared/errors.ts';

const JID = 'ada@example.org';
const HOSTS = ['host1', 'host2'].map((name) => ({ name, jid: `${name}@example.org` }));

describe('the hosts that the command line asks directly', () => {
  const failure = (code: string, text: RegExp) => (error: unknown) =>
    error instanceof Failure && error.code === code && text.test(error.message);

  it('are all that the configuration lists, or the one that is named, by its name or its address', () => {
    assert.deepEqual(chosenHosts({ jid: JID, hosts: HOSTS }, undefined), HOSTS);
    assert.deepEqual(chosenHosts({ jid: JID, hosts: HOSTS }, 'host2'), [HOSTS[1]]);
    assert.deepEqual(chosenHosts({ jid: JID, hosts: HOSTS }, 'host2@example.org'), [HOSTS[1]]);
    assert.throws(
      () => chosenHosts({ jid: JID, hosts: HOSTS }, 'host3'),
      failure('host-not-found', /no host host3; there are host1, host2/),
    );
  });

  it('need no list to be named, as on the machine of central', () => {
    const site = { jid: JID, hosts: [] };
    assert.deepEqual(chosenHosts(site, 'host1'), [HOSTS[0]]);
    assert.deepEqual(chosenHosts(site, 'host1@example.net'), [{ name: 'host1', jid: 'host1@example.net' }]);
    for (const name of ['', '@example.org', 'host1/agent', 'host 1'])
      assert.throws(() => chosenHosts(site, name), failure('host-not-found', /no host/));
  });

  it('are not known altogether without a list, which says what to do', () => {
    assert.throws(() => chosenHosts({ jid: JID, hosts: [] }, undefined), failure('bad-argument', /--direct.*--host/));
  });
});
