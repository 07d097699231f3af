import assert from 'node:assert/strict';
import xml, { type Element } from '@xmpp/xml';
import { Failure, messageOf } from '#shared/errors.ts';
import type { Affiliation } from '#shared/verb/grant.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import type { RoleRecord, WhoRecord } from '#shared/verbs/role.ts';
import { runVerb } from '#shared/xmpp/commands-client.ts';
import { parseConsole, parseConsoleCut } from '#shared/xmpp/console.ts';
import { type TestAgent, testAgent } from './support/agent.ts';
import { CENTRAL, CENTRAL_SECRET, type TestCentral, testCentral } from './support/central.ts';
import { type Person, person } from './support/person.ts';
import { type TestServer, testServer } from './support/server.ts';
import { until } from './support/until.ts';

const ROOM = 'ops@conference.skerry.test';
const ADMIN_NS = 'http://jabber.org/protocol/muc#admin';
const GUESTS = ['venti', 'fossil'];

type Way = 'central' | 'agent';

describe('roles by affiliation, in a room of a real server', function () {
  this.timeout(120_000);
  let server: TestServer;
  let agent: TestAgent;
  let central: TestCentral;
  let admin: Person;
  let mia: Person;

  const ask = async (who: Person, verb: keyof typeof centralVerbs, args: Record<string, unknown>) =>
    (await runVerb(who.entity, CENTRAL, verb, centralVerbs[verb], args, { timeoutMs: 12_000 })).value;
  /** Start a guest that runs: what is wrong with it tells `allowed` from `refused`; undefined where nobody answers now. */
  const starts = async (way: Way, guest = 'venti'): Promise<'allowed' | 'refused' | undefined> => {
    try {
      if (way === 'central') await ask(mia, 'guest.start', { guest });
      else
        await runVerb(
          mia.entity,
          agent.fullJid,
          'guest.start',
          agentVerbs['guest.start'],
          { guest },
          { timeoutMs: 12_000 },
        );
    } catch (error) {
      if (/is running/.test(messageOf(error))) return 'allowed';
      if (/may not guest\.start/.test(messageOf(error))) return 'refused';
      if (error instanceof Failure) return undefined;
      throw error;
    }
    return 'allowed';
  };
  const untilStarts = async (how: 'allowed' | 'refused', ways: readonly Way[] = ['central', 'agent']) => {
    for (const way of ways)
      await until(`mia is ${how} at ${way}`, async () => ((await starts(way)) === how ? true : undefined));
  };
  const affiliate = (affiliation: Affiliation | 'none', who: Person = mia, by: Person = admin): Promise<Element> => {
    const item = xml('item', { affiliation, jid: who.entity.bareJid });
    return by.set(ROOM, xml('query', { xmlns: ADMIN_NS }, item));
  };
  const enter = async (who: Person): Promise<void> => {
    const x = xml('x', { xmlns: 'http://jabber.org/protocol/muc' });
    await who.send(xml('presence', { to: `${ROOM}/${who.entity.bareJid.split('@')[0]}` }, x));
    await who.sees('central in the room', ({ attrs }) => attrs.from === `${ROOM}/skerry`);
  };

  before(async () => {
    const accounts = ['host1', 'admin', 'mia'];
    server = await testServer({ accounts, components: { [CENTRAL]: CENTRAL_SECRET } });
    agent = await testAgent(server, {
      name: 'host1',
      driver: { guests: GUESTS.map((name) => ({ name, running: true })) },
      policy: { roles: {}, grants: [] },
      central: CENTRAL,
    });
    central = await testCentral(server, {
      config: {
        hosts: ['host1'],
        room: ROOM,
        policy: { roles: {}, grants: [{ jid: 'admin@skerry.test', role: 'admin' }] },
      },
    });
    await agent.start();
    await central.start();
    admin = await person(server, 'admin');
    mia = await person(server, 'mia');
    await until('host1 is heard', async () => {
      const guests = (await ask(admin, 'guest.list', {}).catch(() => [])) as object[];
      return guests.length === GUESTS.length || undefined;
    });
    await enter(admin);
  });
  after(async () => {
    await mia?.entity.stop();
    await admin?.entity.stop();
    await central?.remove();
    await agent?.remove();
    await server?.stop();
  });

  it('cannot be given by a room that cannot be read', async () => {
    const grant = { role: 'operator', affiliation: 'member', room: 'osp@conference.skerry.test' };
    await assert.rejects(ask(admin, 'role.grant', grant), /central cannot read osp@/);
  });

  it('are had by a member at once, elsewhere than in the room too, by central and at the host', async () => {
    const { grants } = (await ask(admin, 'role.grant', {
      role: 'operator',
      affiliation: 'member',
      guests: ['venti'],
    })) as RoleRecord;
    assert.deepEqual(grants, [`members of ${ROOM} (admin@skerry.test) on guests venti`]);
    assert.deepEqual([await starts('central'), await starts('agent')], ['refused', 'refused']);
    await affiliate('member');
    await untilStarts('allowed');
    assert.equal(await starts('central', 'fossil'), 'refused');
    assert.equal(await starts('agent', 'fossil'), 'refused');
    const who = (await ask(admin, 'role.who', { verb: 'guest.start', guest: 'venti' })) as WhoRecord[];
    assert.deepEqual(
      who.filter(({ jid }) => jid === 'mia@skerry.test').map(({ as, may }) => [as, may]),
      [[`members of ${ROOM}`, true]],
    );
  });

  it('are nobody’s who only is in the room', async () => {
    await affiliate('none');
    await untilStarts('refused');
    await enter(mia);
    assert.deepEqual([await starts('central'), await starts('agent')], ['refused', 'refused']);
    await assert.rejects(affiliate('member', mia, mia), /is not allowed/);
  });

  it('are taken away with the affiliation from somebody in the room', async () => {
    await affiliate('admin');
    await untilStarts('allowed');
    await affiliate('none');
    await untilStarts('refused');
  });

  it('cut a console watch at the host when they are taken away, and say so', async () => {
    await affiliate('member');
    await untilStarts('allowed');
    const watch = agentVerbs['console.watch'];
    await runVerb(mia.entity, agent.fullJid, 'console.watch', watch, { guest: 'venti' });
    await affiliate('none');
    await mia.sees('that her watch is cut', (stanza) => parseConsoleCut(stanza) === 'venti');
    const before = mia.seen.length;
    const echo = { guest: 'venti', text: 'echo secret' };
    await runVerb(admin.entity, agent.fullJid, 'console.watch', watch, { guest: 'venti' });
    await runVerb(admin.entity, agent.fullJid, 'console.send', agentVerbs['console.send'], echo);
    await admin.sees('the echo', (stanza) => /secret/.test(Buffer.from(parseConsole(stanza)?.bytes ?? '').toString()));
    // Whatever the agent sent mia before this answer has come before it.
    assert.equal(await starts('agent'), 'refused');
    assert.deepEqual(
      mia.seen.slice(before).filter((stanza) => parseConsole(stanza)),
      [],
    );
  });

  it('hold at the host while central is dead, and not for whom it was taken from meanwhile once it is back', async () => {
    await affiliate('member');
    await untilStarts('allowed');
    await central.kill9();
    assert.equal(await starts('agent'), 'allowed');
    await affiliate('none');
    await central.start();
    // The first word that central has for her, whenever it comes, is no.
    const first = await until('central answers mia', () => starts('central'));
    assert.equal(first, 'refused');
    await untilStarts('refused', ['agent']);
  });

  it('let the room say who had something done', async () => {
    await ask(admin, 'guest.suspend', { guest: 'fossil' });
    await admin.sees('who did it', (stanza) =>
      /^fossil: paused, by admin@skerry\.test \(host1\)/m.test(stanza.getChildText('body') ?? ''),
    );
  });

  it('stay as they were known where the room cannot be read any more, and say so', async () => {
    await affiliate('member');
    await untilStarts('allowed');
    const owner = xml('item', { affiliation: 'none', jid: CENTRAL });
    await admin.set(ROOM, xml('query', { xmlns: ADMIN_NS }, owner));
    const { grants } = await until('it is said', async () => {
      const record = (await ask(admin, 'role.info', { role: 'operator' })) as RoleRecord;
      return /cannot be read/.test(record.grants.join()) ? record : undefined;
    });
    assert.match(grants.join(), /mia@skerry\.test; as it was on 20/);
    assert.deepEqual([await starts('central'), await starts('agent')], ['allowed', 'allowed']);
    assert.ok(central.logged.some(({ msg, room }) => msg === 'the room cannot be read' && room === ROOM));
  });

  it('go with the grant', async () => {
    await ask(admin, 'role.revoke', { role: 'operator', affiliation: 'member' });
    assert.equal(await starts('central'), 'refused');
    await untilStarts('refused', ['agent']);
  });
});
