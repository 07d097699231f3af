import assert from 'node:assert/strict';
import fc from 'fast-check';
import { globMatches, mayBy, Policy } from '#shared/verb/policy.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';

const who = (jid: string) => ({ bareJid: jid, fullJid: `${jid}/x` });
const may = (grants: object[], roles: object = {}) => mayBy(Policy.parse({ grants, roles }), agentVerbs);

describe('policy', () => {
  it('denies whatever nobody granted', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.constantFrom(...Object.keys(agentVerbs), 'constructor', '__proto__', 'toString'),
        (jid, verb) => {
          assert.equal(may([])(who(jid), verb), false);
        },
      ),
    );
    assert.equal(may([{ role: 'admin', jid: 'a@x.test' }])(who('b@x.test'), 'guest.list'), false);
    assert.equal(may([{ role: 'admin', jid: 'a@x.test' }])(who('a@x.test'), 'no.such'), false);
  });

  it('knows the roles: viewers read, operators run guests, administrators do all', () => {
    const is = may([
      { role: 'viewer', jid: 'v@x' },
      { role: 'operator', jid: 'o@x' },
      { role: 'admin', jid: 'a@x' },
    ]);
    for (const [verb, row] of Object.entries(agentVerbs)) {
      // What a host can reach, and who asked for what, is not for everybody who may read.
      const isClosed = verb === 'host.probe' || verb === 'audit.list';
      assert.equal(is(who('v@x'), verb), row.risk === 'read' && !isClosed, verb);
      assert.equal(is(who('a@x'), verb), true);
    }
    assert.equal(is(who('o@x'), 'host.probe'), true);
    assert.equal(is(who('o@x'), 'guest.poweroff'), true);
    assert.equal(is(who('o@x'), 'guest.delete'), false);
    assert.equal(is(who('o@x'), 'guest.define'), false);
  });

  it('grants to a domain, to all there and to nobody else', () => {
    const is = may([{ role: 'viewer', jid: 'x.test' }]);
    assert.equal(is(who('anybody@X.test'), 'guest.list'), true);
    assert.equal(is(who('anybody@sub.x.test'), 'guest.list'), false);
    assert.equal(is(who('x.test'), 'guest.list'), false, 'the server itself is nobody there');
  });

  it('holds a grant to its guests', () => {
    const is = may([{ role: 'operator', jid: 'o@x', guests: ['web*', 'db'] }]);
    assert.equal(is(who('o@x'), 'guest.start'), true, 'on some guest');
    assert.equal(is(who('o@x'), 'guest.start', { guest: 'web7' }), true);
    assert.equal(is(who('o@x'), 'guest.start', { guest: 'mail' }), false);
    assert.equal(is(who('o@x'), 'guest.start', { guest: '' }), false);
  });

  it("has the site's own roles, and refuses a grant of one that is not there", () => {
    const is = may([{ role: 'night', jid: 'n@x' }], { night: { allow: ['guest.*'], deny: ['@destroy'] } });
    assert.equal(is(who('n@x'), 'guest.start'), true);
    assert.equal(is(who('n@x'), 'guest.poweroff'), false);
    assert.throws(() => may([{ role: 'ngiht', jid: 'n@x' }]), /there is no role ngiht/);
    assert.throws(() => may([{ role: 'constructor', jid: 'n@x' }]), /there is no role/);
  });

  it('matches globs as a regular expression would', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '*', '.'), maxLength: 8 });
    fc.assert(
      fc.property(text, text, (glob, name) => {
        const pattern = new RegExp(
          `^${glob
            .split('*')
            .map((part) => part.replaceAll('.', '\\.'))
            .join('.*')}$`,
        );
        assert.equal(globMatches(glob, name), pattern.test(name));
      }),
      { numRuns: 3000 },
    );
  });
});
