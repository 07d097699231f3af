import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { tokenIn } from '#provisioning/enrol/join-site.ts';
import { serviceIn } from '#provisioning/enrol/service.ts';

describe('what a host is told to join by', () => {
  it('is a server by name or address, with a port or without', () => {
    assert.deepEqual(serviceIn('xmpp.example.org'), { host: 'xmpp.example.org', port: 5222, directTls: false });
    assert.deepEqual(serviceIn('10.0.0.1', true), { host: '10.0.0.1', port: 5223, directTls: true });
    assert.deepEqual(serviceIn('[2001:db8::1]:5299'), { host: '2001:db8::1', port: 5299, directTls: false });
    for (const wrong of [
      '',
      'a b',
      'xmpp.example.org:0',
      'xmpp.example.org:65536',
      'xmpp.example.org/a',
      '2001:db8::1',
    ])
      assert.throws(() => serviceIn(wrong), { code: 'bad-argument' }, wrong);
  });

  it('is a token of an account and a secret, whatever is in the secret but a colon', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9_-]{1,40}$/), fc.stringMatching(/^[a-z0-9]{1,20}$/), (secret, host) => {
        assert.deepEqual(tokenIn(`${host}@example.org:${secret}`), { jid: `${host}@example.org`, secret });
      }),
    );
    for (const wrong of [
      '',
      'host1@example.org',
      'host1@example.org:',
      ':a',
      'example.org:a',
      'a@b@c:a',
      'a@b/c:d',
      'a b@c:d',
    ])
      assert.throws(() => tokenIn(wrong), { code: 'bad-argument' }, wrong);
  });
});
