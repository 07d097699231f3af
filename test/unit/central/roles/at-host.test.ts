import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Known, policyAtHost } from '#central/roles/at-host.ts';
import { heldIn, type RoomList } from '#central/roles/room-lists.ts';
import { AFFILIATIONS, type Grant, type Holders, namedHolders } from '#shared/verb/grant.ts';
import { policyOf } from '#shared/verb/policy.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { centralVerbs } from '#shared/verbs/central.ts';

const known = (contact: string, name = contact, ...tags: string[]): Known => ({ contact, tags, guest: { name } });
const grant = { role: 'operator', jid: 'o@x' };
const at = (given: object, guests: Known[]) =>
  policyAtHost({ roles: {}, grants: [{ ...grant, ...given }] }, 'host2', guests, namedHolders).grants;

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

  it('names those who hold a grant to a room, each once, and nobody where nobody does', () => {
    const grants: Grant[] = [{ role: 'operator', affiliation: 'admin', room: 'ops@r', guests: ['web*'] }];
    const expanded = (...holders: string[]) => policyAtHost({ roles: {}, grants }, 'host2', [], () => holders).grants;
    assert.deepEqual(expanded('m@x', 'n@x'), [
      { role: 'operator', jid: 'm@x', guests: ['web*'] },
      { role: 'operator', jid: 'n@x', guests: ['web*'] },
    ]);
    assert.deepEqual(expanded(), []);
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
    const jid = fc.constantFrom('o@x', 'p@x', 'x');
    const whom = fc.oneof(
      fc.record({ jid }),
      fc.record({ affiliation: fc.constantFrom(...AFFILIATIONS), room: fc.constantFrom('ops@r', 'dev@r') }),
    );
    const list = fc.record({ owner: fc.array(jid), admin: fc.array(jid), member: fc.array(jid) });
    const grants = fc.array(fc.tuple(whom, given), { maxLength: 3 });
    fc.assert(
      fc.property(grants, guests, fc.record({ 'ops@r': list }), (granted, all, lists: Record<string, RoomList>) => {
        const policy = { roles: {}, grants: granted.map(([who, scope]) => ({ role: 'operator', ...who, ...scope })) };
        const holders: Holders = (each) => {
          const listed = lists[each.room ?? ''];
          if (each.jid !== undefined) return [each.jid];
          return listed && each.affiliation ? heldIn(listed, each.affiliation) : [];
        };
        const central = policyOf(policy, centralVerbs, { site: true, holders });
        const agent = policyOf(policyAtHost(policy, 'host2', all, holders), agentVerbs);
        for (const { contact, guest, tags } of all)
          for (const bareJid of ['o@x', 'p@x', 'q@x', 'q@y', 'ops@r']) {
            const who = { bareJid, fullJid: `${bareJid}/1` };
            assert.equal(
              agent.may(who, 'guest.start', { guest: guest.name }),
              central.may(who, 'guest.start', { guest: contact, host: 'host2', tags }),
              `${bareJid} ${guest.name}`,
            );
          }
      }),
      { numRuns: 2000 },
    );
  });
});
