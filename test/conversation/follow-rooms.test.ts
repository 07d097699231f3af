import assert from 'node:assert/strict';
import type { Element } from '@xmpp/xml';
import { followRooms } from '#central/roles/follow-rooms.ts';
import type { RoomList } from '#central/roles/room-lists.ts';
import { AFFILIATIONS } from '#shared/verb/grant.ts';
import type { Policy } from '#shared/verb/policy.ts';
import type { IqRequest } from '#shared/xmpp/entity.ts';
import { parseError } from '#shared/xmpp/stanza-error.ts';
import { manualClock } from '#test/unit/support/manual-clock.ts';
import { FakeEntity, parse } from './peer.ts';

const OPS = 'ops@conference.x';
const ADMIN_NS = 'http://jabber.org/protocol/muc#admin';
const nobody: RoomList = { owner: [], admin: [], member: [] };

/** A room that answers its owner; asked three times a reading. */
class Server extends FakeEntity {
  lists: Record<string, Record<string, readonly string[]>> = { [OPS]: { ...nobody } };
  refusal: string | undefined;
  asked = 0;
  override async request(iq?: IqRequest): Promise<Element> {
    const { to = '', child } = iq ?? {};
    this.asked += 1;
    const { affiliation = '' } = child?.getChild('item')?.attrs ?? {};
    const list = this.lists[to]?.[affiliation];
    // An answer that comes later than what was asked after it.
    await new Promise(setImmediate);
    if (this.refusal || !list) {
      const condition = `<${this.refusal ?? 'item-not-found'} xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>`;
      throw parseError(parse(`<iq type="error"><error type="auth">${condition}</error></iq>`));
    }
    const items = list.map((jid) => `<item affiliation="${affiliation}" jid="${jid}"/>`).join('');
    return parse(`<iq type="result" from="${to}"><query xmlns="${ADMIN_NS}">${items}</query></iq>`);
  }
}

describe('rooms that grants name', () => {
  const scene = (rooms: readonly string[] = [OPS]) => {
    const entity = new Server();
    const clock = manualClock();
    const read: Record<string, RoomList> = {};
    const problems: Record<string, string | undefined> = {};
    const changed = new Set<() => void>();
    const policies = {
      inForce: {
        roles: {},
        grants: rooms.map((room) => ({ role: 'viewer', affiliation: 'member', room })),
      } as Policy,
      onChange: (listener: () => void) => {
        changed.add(listener);
        return () => void changed.delete(listener);
      },
    };
    const lists = {
      state: (room: string) =>
        room in read || room in problems
          ? { list: read[room] ?? nobody, readAt: undefined, problem: problems[room] }
          : undefined,
      took: async (room: string, list: RoomList) => {
        read[room] = list;
        problems[room] = undefined;
      },
      failed: (room: string, problem: string) => {
        problems[room] = problem;
      },
    };
    const log = { warn: () => {} };
    const follow = followRooms({ entity, lists, policies, clock, log, onBug: (error) => entity.bugs.push(error) });
    const begin = async (): Promise<void> => {
      entity.becomes({ status: 'online' });
      await follow.settled();
    };
    /** Until all that is under way has ended. */
    const quiet = async (): Promise<void> => {
      for (let asked = -1; asked !== entity.asked; ) {
        asked = entity.asked;
        for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
      }
    };
    const tell = (name: string, from: string, item: string, type = ''): void =>
      entity.hears(
        `<${name} from="${from}" ${type}><x xmlns="http://jabber.org/protocol/muc#user"><item ${item}/></x></${name}>`,
      );
    const grantAlso = (room: string): void => {
      policies.inForce.grants.push({ role: 'viewer', affiliation: 'member', room });
      for (const listener of changed) listener();
    };
    return { entity, clock, read, problems, follow, begin, quiet, tell, grantAlso };
  };

  it('are read when central comes to the server: people alone, by their own addresses', async () => {
    const { entity, read, begin } = scene();
    entity.lists[OPS] = {
      owner: ['central.x', 'Olga@X'],
      admin: [],
      member: ['vera@x', 'whole.domain', 'vera@x/phone', 'mal lory@x'],
    };
    await begin();
    assert.deepEqual(read, { [OPS]: { owner: ['olga@x'], admin: [], member: ['vera@x'] } });
    assert.equal(entity.asked, AFFILIATIONS.length);
  });

  it('take a list of another affiliation than was asked for for none', async () => {
    const { entity, read, begin } = scene();
    entity.request = async () =>
      parse(`<iq type="result"><query xmlns="${ADMIN_NS}"><item affiliation="none" jid="eve@x"/></query></iq>`);
    await begin();
    assert.deepEqual(read, { [OPS]: nobody });
  });

  it('are read again when the room tells of somebody, in it or not, and not for what is known', async () => {
    const { entity, read, begin, quiet, tell } = scene();
    await begin();
    entity.lists[OPS] = { ...nobody, member: ['vera@x'] };
    tell('presence', `${OPS}/vera`, 'affiliation="member" jid="vera@x/phone"');
    await quiet();
    assert.deepEqual(read[OPS]?.member, ['vera@x']);
    const before = entity.asked;
    tell('presence', `${OPS}/vera`, 'affiliation="member" jid="vera@x/phone"');
    tell('presence', `${OPS}/guest`, 'affiliation="none" jid="guest@x/1"');
    await quiet();
    assert.equal(entity.asked, before);
    entity.lists[OPS] = { ...nobody };
    tell('message', OPS, 'affiliation="none" jid="vera@x"');
    await quiet();
    assert.deepEqual(read[OPS]?.member, []);
  });

  it('are not believed, nor asked, for what others say', async () => {
    const { entity, read, begin, quiet, tell } = scene();
    await begin();
    const before = entity.asked;
    tell('message', `${OPS}/eve`, 'affiliation="owner" jid="eve@x"', 'type="groupchat"');
    tell('presence', 'other@conference.x/eve', 'affiliation="owner" jid="eve@x"');
    tell('presence', `${OPS}/eve`, 'affiliation="owner" jid="eve@x"', 'type="error"');
    await quiet();
    assert.equal(entity.asked, before);
    // The room itself is asked, and its list counts.
    tell('message', OPS, 'affiliation="owner" jid="eve@x"');
    await quiet();
    assert.ok(entity.asked > before);
    assert.deepEqual(read, { [OPS]: nobody });
  });

  it('keep what was known when they cannot be read, and are asked from time to time', async () => {
    const { entity, clock, read, problems, begin, quiet } = scene();
    entity.lists[OPS] = { ...nobody, member: ['vera@x'] };
    await begin();
    entity.refusal = 'forbidden';
    clock.advance(60_000);
    await quiet();
    assert.deepEqual([read[OPS]?.member, problems[OPS]], [['vera@x'], 'forbidden']);
    entity.refusal = undefined;
    entity.lists[OPS] = { ...nobody };
    clock.advance(60_000);
    await quiet();
    assert.deepEqual([read[OPS]?.member, problems[OPS]], [[], undefined]);
  });

  it('are read once more where something comes while they are read', async () => {
    const { entity, read, begin, quiet, follow } = scene();
    await begin();
    const first = follow.look(OPS);
    entity.lists[OPS] = { ...nobody, owner: ['olga@x'] };
    const second = follow.look(OPS);
    const third = follow.look(OPS);
    await Promise.all([first, second, third]);
    assert.deepEqual(read[OPS]?.owner, ['olga@x']);
    await quiet();
    assert.equal(entity.asked, 3 * AFFILIATIONS.length, 'two more readings for the three that were wanted');
  });

  it('let nothing be decided before each was asked once', async () => {
    const { entity, follow, quiet, problems } = scene([OPS, 'gone@conference.x']);
    let isSettled = false;
    void follow.settled().then(() => {
      isSettled = true;
    });
    await quiet();
    assert.equal(isSettled, false);
    entity.becomes({ status: 'online' });
    await follow.settled();
    assert.equal(problems['gone@conference.x'], 'item-not-found');
    await scene([]).follow.settled();
  });

  it('are read when a grant names them, and no more once stopped', async () => {
    const { entity, clock, read, begin, quiet, grantAlso, follow } = scene([]);
    await begin();
    entity.lists['dev@conference.x'] = { ...nobody, admin: ['dora@x'] };
    grantAlso('dev@conference.x');
    await quiet();
    assert.deepEqual(read['dev@conference.x']?.admin, ['dora@x']);
    follow.stop();
    const before = entity.asked;
    clock.advance(600_000);
    await quiet();
    assert.equal(entity.asked, before);
    assert.deepEqual(entity.bugs, []);
  });
});
