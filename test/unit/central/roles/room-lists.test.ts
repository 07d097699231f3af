import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { type Database, openDatabase } from '#central/database/open.ts';
import { groupWriter } from '#central/database/writer.ts';
import { policyStore } from '#central/roles/policy-store.ts';
import { type RoomList, roomLists } from '#central/roles/room-lists.ts';
import { AFFILIATIONS, type Grant } from '#shared/verb/grant.ts';
import { Policy } from '#shared/verb/policy.ts';
import { centralVerbs } from '#shared/verbs/central.ts';

const ROOM = 'ops@conference.x';
const raise = (error: unknown): void => {
  throw error;
};

describe('who holds a grant to a room', () => {
  let dir: string;
  let database: Database;
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'skerry-rooms-'));
    database = await openDatabase(join(dir, 'central.sqlite'), raise);
  });
  afterEach(async () => {
    await database.destroy();
    rmSync(dir, { recursive: true });
  });
  const open = () => roomLists(database, groupWriter(database), () => Date.UTC(2026, 0, 2));
  const only = (list: Partial<RoomList>): RoomList => ({ owner: [], admin: [], member: [], ...list });
  const member: Grant = { role: 'operator', affiliation: 'member', room: ROOM };

  it('is whoever has the affiliation or a higher one, by what was read last, also after a restart', async () => {
    const people = fc.uniqueArray(fc.constantFrom('a@x', 'b@x', 'c@x', 'd@x'));
    const list = fc.record({ owner: people, admin: people, member: people });
    const step = fc.oneof(
      list.map((read) => ({ read })),
      fc.constant({ problem: 'forbidden' }),
      fc.constant('restart' as const),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 6 }), async (steps) => {
        await database.deleteFrom('settings').execute();
        let lists = await open();
        let last = only({});
        for (const each of steps) {
          if (each === 'restart') lists = await open();
          else if ('problem' in each) lists.failed(ROOM, each.problem);
          else {
            last = each.read;
            await lists.took(ROOM, each.read);
          }
          for (const [at, affiliation] of AFFILIATIONS.entries()) {
            const due = new Set(AFFILIATIONS.slice(0, at + 1).flatMap((which) => last[which]));
            const held = lists.holders({ role: 'operator', affiliation, room: ROOM });
            assert.deepEqual(new Set(held), due);
            assert.equal(held.length, due.size, 'each once');
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('is nobody of a room that was never read, and whom it names where it is to no room', async () => {
    const lists = await open();
    assert.deepEqual(lists.holders(member), []);
    assert.equal(lists.state(ROOM), undefined);
    lists.failed(ROOM, 'item-not-found');
    assert.deepEqual(lists.holders(member), []);
    assert.equal(lists.state(ROOM)?.readAt, undefined);
    assert.deepEqual(lists.holders({ role: 'operator', jid: 'A@X' }), ['a@x']);
  });

  it('counts from the reading on, whether or not there is room on the disk', async () => {
    const lists = await open();
    await lists.took(ROOM, only({ member: ['a@x'] }));
    let told = 0;
    lists.onChange(() => {
      told += 1;
    });
    await database.schema.alterTable('settings').renameTo('away').execute();
    await assert.rejects(lists.took(ROOM, only({})));
    assert.deepEqual(lists.holders(member), []);
    await database.schema.alterTable('away').renameTo('settings').execute();
    assert.deepEqual((await open()).holders(member), ['a@x'], 'what is on the disk is as it was');
    await lists.took(ROOM, only({}));
    assert.deepEqual((await open()).holders(member), [], 'it is written with the next reading');
    assert.equal(told, 1, 'told of what changed alone');
  });

  it('is asked anew with each change, by what the policy lets', async () => {
    const lists = await open();
    const configured = Policy.parse({ grants: [{ ...member, guests: ['web*'] }] });
    const writer = groupWriter(database);
    const policies = await policyStore({
      ...{ database, writer, configured, rooms: lists },
      table: centralVerbs,
      now: Date.now,
    });
    let told = 0;
    policies.onChange(() => {
      told += 1;
    });
    const may = (guest: string) => policies.may({ bareJid: 'a@x', fullJid: 'a@x/1' }, 'guest.start', { guest });
    assert.equal(may('web1'), false);
    await lists.took(ROOM, only({ admin: ['a@x'] }));
    assert.deepEqual([may('web1'), may('db'), told], [true, false, 1]);
    await lists.took(ROOM, only({}));
    assert.deepEqual([may('web1'), told], [false, 2]);
  });
});

describe('a grant', () => {
  const problem = (grant: object): string =>
    Policy.safeParse({ grants: [{ role: 'viewer', ...grant }] }).error?.message ?? '';
  it('is to a JID, or to an affiliation of a room', () => {
    assert.equal(problem({ jid: 'a@x' }), '');
    assert.equal(problem({ affiliation: 'owner', room: ROOM }), '');
    for (const wrong of [{}, { affiliation: 'owner' }, { room: ROOM }, { jid: 'a@x', room: ROOM }])
      assert.match(problem(wrong), /say who/, JSON.stringify(wrong));
    assert.match(problem({ jid: 'a@x', affiliation: 'owner', room: ROOM }), /say who/);
    assert.match(problem({ affiliation: 'owner', room: 'conference.x' }), /a room is due/);
    assert.match(problem({ affiliation: 'outcast', room: ROOM }), /affiliation/);
  });
});
