import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import xml, { type Element } from '@xmpp/xml';
import { after, before, describe, it } from 'mocha';
import { dismissHost, enrolHost, rosterHosts } from '#shared/ejabberd/accounts.ts';
import { cuttable } from './support/cuttable.ts';
import { type Person, person } from './support/person.ts';
import { type TestServer, testServer } from './support/server.ts';

const DISCO_INFO = 'http://jabber.org/protocol/disco#info';
const DISCO_ITEMS = 'http://jabber.org/protocol/disco#items';
const PUBSUB = 'http://jabber.org/protocol/pubsub';
const UPLOAD = 'urn:xmpp:http:upload:0';

describe('ejabberd: what it offers', () => {
  let server: TestServer;
  let alice: Person;
  before(async () => {
    server = await testServer({ accounts: ['alice', 'bob', 'host1', 'host2'] });
    alice = await person(server, 'alice');
  });
  after(async () => {
    await alice.entity.stop();
    await server.stop();
  });

  const featuresOf = async (jid: string): Promise<string[]> => {
    const query = (await alice.get(jid, xml('query', { xmlns: DISCO_INFO }))).getChild('query');
    return (query?.getChildren('feature') ?? []).map((feature) => String(feature.attrs.var));
  };
  const has = (features: readonly string[], needed: readonly string[]): void =>
    assert.deepEqual(
      needed.filter((feature) => !features.includes(feature)),
      [],
    );

  it('knows all that its configuration names', async () => {
    const log = await readFile(join(server.folder, 'ejabberd/log/ejabberd.log'), 'utf8');
    assert.doesNotMatch(log, /unknown|\[error\]/);
  });

  it('lists its services', async () => {
    const query = (await alice.get(server.domain, xml('query', { xmlns: DISCO_ITEMS }))).getChild('query');
    const jids = (query?.getChildren('item') ?? []).map((item) => item.attrs.jid);
    assert.deepEqual(jids.sort(), ['conference.skerry.test', 'pubsub.skerry.test', 'upload.skerry.test']);
  });

  it('has rooms, nodes, archives, carbons and uploads', async () => {
    has(await featuresOf('conference.skerry.test'), ['http://jabber.org/protocol/muc']);
    has(await featuresOf('pubsub.skerry.test'), [PUBSUB, `${PUBSUB}#persistent-items`]);
    has(await featuresOf('upload.skerry.test'), [UPLOAD]);
    has(await featuresOf('alice@skerry.test'), ['urn:xmpp:mam:2', `${PUBSUB}#publish`, `${PUBSUB}#auto-create`]);
    has(await featuresOf(server.domain), ['urn:xmpp:carbons:2', 'urn:xmpp:ping', 'vcard-temp']);
  });

  it('resumes a stream whose connection broke, with what was sent meanwhile', async () => {
    const cut = await cuttable(server.xmpp.port);
    const bob = await person(server, 'bob', { host: '127.0.0.1', port: cut.port });
    await bob.send(xml('presence'));
    const back = new Promise<string>((resolve) => {
      bob.entity.onStatus(({ status }) => status !== 'offline' && resolve(status));
    });
    cut.now();
    await alice.send(xml('message', { to: 'bob@skerry.test/test', type: 'chat', id: 'gap' }, xml('body', {}, 'hello')));
    assert.equal(await back, 'resumed');
    await bob.sees('the message', (got) => got.attrs.id === 'gap');
    await bob.entity.stop();
    cut.close();
  });

  it('keeps what is published, for a node and for a person', async () => {
    for (const [service, node] of [
      ['pubsub.skerry.test', 'events'],
      [undefined, 'urn:skerry:probe'],
    ] as const) {
      const ask = (...children: Element[]) => xml('pubsub', { xmlns: PUBSUB }, ...children);
      if (service !== undefined) await alice.set(service, ask(xml('create', { node })));
      const item = xml('item', { id: 'one' }, xml('probe', { xmlns: 'urn:skerry:probe' }, 'kept'));
      await alice.set(service, ask(xml('publish', { node }, item)));
      const answer = await alice.get(service, ask(xml('items', { node })));
      assert.match(String(answer), /<item [^>]*id="one"[^>]*><probe xmlns="urn:skerry:probe">kept<\/probe>/);
    }
  });

  it('archives a conversation', async () => {
    const bob = await person(server, 'bob');
    await bob.send(xml('presence'));
    await alice.send(
      xml('message', { to: 'bob@skerry.test/test', type: 'chat', id: 'm1' }, xml('body', {}, 'remember me')),
    );
    await bob.sees('the message', (got) => got.attrs.id === 'm1');
    await bob.set(undefined, xml('query', { xmlns: 'urn:xmpp:mam:2', queryid: 'q' }));
    await bob.sees('the archive', (got) => /<result [^>]*queryid="q".*remember me/.test(String(got)));
    await bob.entity.stop();
  });

  it('makes a room, whose members see each other', async () => {
    const options = [
      { name: 'members_only', value: 'true' },
      { name: 'persistent', value: 'true' },
    ];
    const room = { name: 'ops', service: 'conference.skerry.test' };
    await server.api('create_room_with_opts', { ...room, host: server.domain, options });
    const again = server.api('create_room_with_opts', { ...room, host: server.domain, options });
    await assert.rejects(again, { code: 'peer-refused', message: /already exists/ });
    has(await featuresOf('ops@conference.skerry.test'), ['muc_membersonly', 'muc_persistent', 'urn:xmpp:mam:2']);
    await server.api('destroy_room', room);
  });

  it('takes a file and gives it again', async () => {
    const bytes = Buffer.from('a file with ünïcode\n');
    const request = xml('request', { xmlns: UPLOAD, filename: 'a.txt', size: String(bytes.length) });
    const slot = (await alice.get('upload.skerry.test', request)).getChild('slot');
    const [put, get] = ['put', 'get'].map((name) => String(slot?.getChild(name)?.attrs.url)) as [string, string];
    const length = { 'content-length': String(bytes.length) };
    assert.equal((await fetch(put, { method: 'PUT', body: bytes, headers: length })).status, 201);
    assert.deepEqual(Buffer.from(await (await fetch(get)).arrayBuffer()), bytes);
    // A slot is for what was asked for, and nobody lists the folder.
    assert.notEqual((await fetch(`${put}x`, { method: 'PUT', body: bytes })).status, 201);
    assert.notEqual((await fetch(new URL('/upload/', get))).status, 200);
  });

  it('lets browsers in by WebSocket, and has its API on no port', async () => {
    const service = { ...server.xmpp, websocketUrl: server.xmpp.websocketUrl };
    const bob = await person(server, 'bob', service);
    await bob.get(server.domain, xml('ping', { xmlns: 'urn:xmpp:ping' }));
    await bob.entity.stop();
    const base = server.xmpp.websocketUrl.replace('ws:', 'http:');
    const answer = await fetch(new URL('/api/status', base), { method: 'POST', body: '{}' });
    assert.equal(answer.status, 404);
  });

  it('shows hosts and people to each other, without a subscription', async () => {
    await rosterHosts(server.api, server.domain, ['host1', 'host2']);
    await rosterHosts(server.api, server.domain, ['host1', 'host2']);
    const from = (jid: string, type?: string) => (got: Element) =>
      got.is('presence') && got.attrs.from === jid && got.attrs.type === type;
    const bob = await person(server, 'bob');
    const host1 = await person(server, 'host1');
    await bob.send(xml('presence'));
    await host1.send(xml('presence', {}, xml('status', {}, 'all well')));
    const seen = await bob.sees('host1', from('host1@skerry.test/test'));
    assert.equal(seen.getChildText('status'), 'all well');
    await host1.sees('bob', from('bob@skerry.test/test'));

    const roster = (await bob.get(undefined, xml('query', { xmlns: 'jabber:iq:roster' }))).getChild('query');
    const items = (roster?.getChildren('item') ?? []).map(
      (item) => `${item.attrs.jid} ${item.attrs.subscription} ${item.getChildText('group')}`,
    );
    assert.deepEqual(items.sort(), ['host1@skerry.test both Hosts', 'host2@skerry.test both Hosts']);

    await host1.entity.stop();
    await bob.sees('that host1 went', from('host1@skerry.test/test', 'unavailable'));
    await bob.entity.stop();
  });

  it('gives a host a new password each time, and takes its account away', async () => {
    const first = await enrolHost(server.api, server.domain, 'host3');
    const second = await enrolHost(server.api, server.domain, 'host3');
    assert.notEqual(first.password, second.password);
    const check = (password: string) => server.api('check_password', { user: 'host3', host: server.domain, password });
    assert.deepEqual([await check(first.password), await check(second.password)], [1, 0]);
    await rosterHosts(server.api, server.domain, ['host3']);
    await dismissHost(server.api, server.domain, 'host3');
    await dismissHost(server.api, server.domain, 'host3');
    assert.equal(await server.api('check_account', { user: 'host3', host: server.domain }), 1);
    const members = await server.api('srg_get_members', { group: 'hosts', host: server.domain });
    assert.ok(!members.includes('host3@skerry.test'));
  });
});
