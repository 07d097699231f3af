import assert from 'node:assert/strict';
import xml, { type Element } from '@xmpp/xml';
import type { SiteEvent } from '#shared/model/event.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import { runVerb } from '#shared/xmpp/commands-client.ts';
import { EVENT_NS, eventElement, eventsIn } from '#shared/xmpp/event.ts';
import { type TestAgent, testAgent } from './support/agent.ts';
import { CENTRAL, CENTRAL_SECRET, type TestCentral, testCentral } from './support/central.ts';
import { type Person, person } from './support/person.ts';
import { type TestServer, testServer } from './support/server.ts';
import { until } from './support/until.ts';

type VerbId = keyof typeof centralVerbs;

const SERVICE = 'pubsub.skerry.test';
const PUBSUB_NS = 'http://jabber.org/protocol/pubsub';

describe('events of a site, for programs', function () {
  this.timeout(120_000);
  let server: TestServer;
  let agent: TestAgent;
  let central: TestCentral;
  let admin: Person;
  let reader: Person;
  let bound: Person;

  before(async () => {
    server = await testServer({
      accounts: ['host1', 'admin', 'reader', 'bound'],
      components: { [CENTRAL]: CENTRAL_SECRET },
    });
    agent = await testAgent(server, {
      name: 'host1',
      driver: { guests: [{ name: 'venti' }, { name: 'fossil' }] },
      policy: { roles: {}, grants: [] },
      central: CENTRAL,
    });
    central = await testCentral(server, {
      config: {
        hosts: ['host1'],
        events: SERVICE,
        policy: {
          roles: {},
          grants: [
            { jid: 'admin@skerry.test', role: 'admin' },
            { jid: 'bound@skerry.test', role: 'viewer', guests: ['venti'] },
          ],
        },
      },
    });
    [admin, reader, bound] = await Promise.all([
      person(server, 'admin'),
      person(server, 'reader'),
      person(server, 'bound'),
    ]);
    // Events are headlines: they go to sessions that are available.
    await Promise.all([admin, reader].map((each) => each.send(xml('presence'))));
    await agent.start();
    await central.start();
    await until('the guests are known', async () => ask('guest.info', { guest: 'venti' }).catch(() => undefined));
  });
  after(async () => {
    await Promise.all([admin, reader, bound].map((each) => each?.entity.stop()));
    await central?.remove();
    await agent?.remove();
    await server?.stop();
  });

  const ask = async (verb: VerbId, args: Record<string, unknown> = {}): Promise<unknown> =>
    (await runVerb(admin.entity, CENTRAL, verb, centralVerbs[verb], args, { confirmed: true })).value;
  const subscribe = (who: Person): Promise<Element> =>
    who.entity.request({
      to: SERVICE,
      type: 'set',
      child: xml('pubsub', { xmlns: PUBSUB_NS }, xml('subscribe', { node: EVENT_NS, jid: who.entity.bareJid })),
    });
  /** The first that fits, from here on, of all that this person was notified of. */
  const event = async (
    who: Person,
    what: string,
    fits: (event: SiteEvent) => boolean,
    from = 0,
  ): Promise<SiteEvent> => {
    const stanza = await who.sees(
      what,
      (seen) => seen.name === 'message' && who.seen.indexOf(seen) >= from && eventsIn(seen, SERVICE).some(fits),
    );
    return eventsIn(stanza, SERVICE).find(fits) as SiteEvent;
  };
  const refused = async (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => assert.fail('it was not refused'),
      (error: { condition?: string }) => error.condition ?? String(error),
    );

  it('tell each guest and job whole, and only what is new', async () => {
    await until('admin may subscribe', async () => subscribe(admin).catch(() => undefined));
    await ask('guest.start', { guest: 'venti' });
    const runs = ({ guests }: SiteEvent): boolean =>
      guests.some(({ name, state }) => name === 'venti' && state === 'running');
    await event(admin, 'that venti runs', runs);
    await ask('guest.suspend', { guest: 'venti' });
    const suspended = await event(admin, 'that venti is paused', ({ guests }) =>
      guests.some(({ state }) => state === 'paused'),
    );
    const [venti] = suspended.guests;
    assert.deepEqual([venti?.host, venti?.vcpus, venti?.persistent], ['host1', 1, true]);
    assert.deepEqual(
      suspended.guests.map(({ name }) => name),
      ['venti'],
      'fossil is as it was',
    );
    await ask('guest.resume', { guest: 'venti' });
    await ask('guest.shutdown', { guest: 'venti', waitS: 10 });
    const job = await event(admin, 'that the job has ended', ({ jobs }) => jobs.some(({ state }) => state === 'done'));
    assert.equal(job.jobs.find(({ state }) => state === 'done')?.verb, 'guest.shutdown');
  });

  it('are read by those who may see all guests, from when they may, and no longer', async () => {
    assert.equal(await refused(subscribe(reader)), 'not-allowed');
    assert.equal(await refused(subscribe(bound)), 'not-allowed', 'who may see one guest');
    await ask('role.grant', { role: 'viewer', jid: 'reader@skerry.test' });
    await until('reader may subscribe', async () => subscribe(reader).catch(() => undefined));
    await ask('guest.tag', { guest: 'fossil', tags: ['seen'] });
    await event(reader, 'the tag', ({ guests }) => guests.some(({ tags }) => tags?.includes('seen')));

    await ask('role.revoke', { role: 'viewer', jid: 'reader@skerry.test' });
    await until('reader may not subscribe', async () =>
      subscribe(reader).then(
        () => undefined,
        () => true,
      ),
    );
    await ask('guest.tag', { guest: 'fossil', tags: ['unseen'] });
    await event(admin, 'the other tag', ({ guests }) => guests.some(({ tags }) => tags?.includes('unseen')));
    const told = reader.seen.flatMap((seen) => (seen.name === 'message' ? eventsIn(seen, SERVICE) : []));
    assert.ok(!JSON.stringify(told).includes('unseen'));
  });

  it('are published by central alone', async () => {
    const forged = eventElement({ at: 'x', guests: [], hosts: [], jobs: [], gone: { guests: ['venti'], hosts: [] } });
    const child = xml(
      'pubsub',
      { xmlns: PUBSUB_NS },
      xml('publish', { node: EVENT_NS }, xml('item', { id: 'forged' }, forged)),
    );
    assert.equal(await refused(bound.entity.request({ to: SERVICE, type: 'set', child })), 'forbidden');
    assert.equal(await refused(admin.entity.request({ to: SERVICE, type: 'set', child })), 'forbidden');
    const message = xml('message', { from: 'bound@skerry.test/x' }, xml('event', { xmlns: `${PUBSUB_NS}#event` }));
    assert.deepEqual(eventsIn(message, SERVICE), []);
  });

  it('go on after central was killed, for those who had subscribed', async () => {
    const from = admin.seen.length;
    await central.kill9();
    await central.start();
    await until('central answers', async () => ask('guest.info', { guest: 'fossil' }).catch(() => undefined));
    await ask('guest.start', { guest: 'fossil' });
    const fits = ({ guests }: SiteEvent): boolean =>
      guests.some(({ name, state }) => name === 'fossil' && state === 'running');
    await event(admin, 'that fossil runs', fits, from);
  });
});
