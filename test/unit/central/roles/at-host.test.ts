import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Known, policyAtHost } from '#central/roles/at-host.ts';
import { policyOf } from '#shared/verb/policy.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { centralVerbs } from '#shared/verbs/central.ts';

const someone = { bareJid: 'o@x', fullJid: 'o@x/1' };
const known = (contact: string, name = contact, ...tags: string[]): Known => ({ contact, tags, guest: { name } });
const grant = { role: 'operator', jid: 'o@x' };
const at = (given: object, guests: Known[]) =>
  policyAtHost({ roles: {}, grants: [{ ...grant, ...given }] }, 'host2', guests).grants;

describe('the policy at one host', () => {
  it('keeps globs, for guests that are to come', () => {
    assert.deepEqual(at({ guests: ['web*'] }, [known('db')]), [{ ...grant, guests: ['web*'] }]);
  });

  it('names guests where the site calls another one so', () => {
    assert.deepEqual(at({ guests: ['venti'] }, [known('venti-host2', 'venti')]), []);
    assert.deepEqual(at({ guests: ['venti-*'] }, [known('venti-host2', 'venti'), known('web')]), [
      { ...grant, guests: ['venti'] },
    ]);
  });

  it('has no other hosts’ grants, and tags turned into names', () => {
    assert.deepEqual(at({ hosts: ['host1'] }, []), []);
    assert.deepEqual(at({ hosts: ['host*'] }, []), [grant]);
    assert.deepEqual(at({ tags: ['grid'] }, [known('a', 'a', 'grid'), known('b')]), [{ ...grant, guests: ['a'] }]);
    assert.deepEqual(at({ tags: ['grid'] }, [known('b')]), []);
  });

  it('lets at the agent whom central would let, on every guest', () => {
    const name = fc.constantFrom('web1', 'web2', 'db', 'x');
    const glob = fc.constantFrom('web*', 'db', '*', 'x', 'w*1');
    const tag = fc.constantFrom('red', 'blue');
    const guests = fc.uniqueArray(fc.record({ contact: name, guest: fc.record({ name }), tags: fc.array(tag) }), {
      selector: ({ guest }) => guest.name,
    });
    const given = fc.record(
      {
        guests: fc.array(glob, { minLength: 1 }),
        hosts: fc.array(fc.constantFrom('host1', 'host2', 'h*'), { minLength: 1 }),
        tags: fc.array(tag, { minLength: 1 }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.array(given, { maxLength: 3 }), guests, (scopes, all) => {
        const policy = { roles: {}, grants: scopes.map((scope) => ({ ...grant, ...scope })) };
        const central = policyOf(policy, centralVerbs, { site: true });
        const agent = policyOf(policyAtHost(policy, 'host2', all), agentVerbs);
        for (const { contact, guest, tags } of all)
          assert.equal(
            agent.may(someone, 'guest.start', { guest: guest.name }),
            central.may(someone, 'guest.start', { guest: contact, host: 'host2', tags }),
            guest.name,
          );
      }),
      { numRuns: 2000 },
    );
  });
});
