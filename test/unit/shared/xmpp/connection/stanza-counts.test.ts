import assert from 'node:assert/strict';
import xml, { type Element } from '@xmpp/xml';
import { type Peer, type Script, ScriptedServer, SM_NS } from './scripted-server.ts';
import { ours, pki, stock } from './sides.ts';

const features = `<sm xmlns="${SM_NS}"/>`;
const command = (id: string): string =>
  `<iq type="set" id="${id}" from="admin@skerry.test/x" to="me@skerry.test/r"><do xmlns="urn:test"/></iq>`;
const isAnswerTo = (id: string) => (element: Element) => element.name === 'iq' && element.attrs.id === id;

/** Answers each IQ of the client; the answers are stanzas too. */
const answering = (peer: Peer, id: string): void =>
  peer.send(`<iq type="result" id="${id}" from="admin@skerry.test/x" to="me@skerry.test/r"/>`);

describe('The count of stanzas (XEP-0198)', () => {
  let server: ScriptedServer;
  afterEach(() => server.stop());

  const ourServer = async (script: Script = {}): Promise<ScriptedServer> => {
    server = await ScriptedServer.start({ tls: (await pki()).context, features, ...script });
    return server;
  };
  const stockServer = async (script: Script = {}): Promise<ScriptedServer> => {
    server = await ScriptedServer.start({ features, ...script });
    return server;
  };

  describe('has the answers to our own IQs', () => {
    it('stock: it has not', async () => {
      const { client } = stock(await stockServer());
      await client.start();
      const peer = await server.peer();
      await peer.get((element) => element.is('enable', SM_NS));
      const request = client.iqCaller.request(xml('iq', { type: 'get', to: 'admin@skerry.test/x', id: 'q1' }));
      await peer.get(isAnswerTo('q1'));
      answering(peer, 'q1');
      await request;
      assert.equal(await peer.countOfClient(), 0);
      await client.stop();
    });

    it('ours: it has', async () => {
      const { entity } = await ours(await ourServer());
      await entity.start();
      const peer = await server.peer();
      const sent = peer.next((element) => element.name === 'iq');
      const request = entity.request({
        to: 'admin@skerry.test/x',
        type: 'get',
        child: xml('q', { xmlns: 'urn:test' }),
      });
      answering(peer, (await sent).attrs.id ?? '');
      await request;
      assert.equal(await peer.countOfClient(), 1);
      await entity.stop();
    });
  });

  describe('has what comes in the same packet as <enabled/>', () => {
    it('stock: it has not', async () => {
      const { client } = stock(await stockServer({ behindEnabled: command('early') }));
      client.iqCallee.set('urn:test', 'do', () => true);
      await client.start();
      const peer = await server.peer();
      await peer.get(isAnswerTo('early'));
      assert.equal(await peer.countOfClient(), 0);
      await client.stop();
    });

    it('ours: it has', async () => {
      const { entity } = await ours(await ourServer({ behindEnabled: command('early') }));
      entity.serve('set', 'urn:test', 'do', () => undefined);
      await entity.start();
      const peer = await server.peer();
      await peer.get(isAnswerTo('early'));
      assert.equal(await peer.countOfClient(), 1);
      await entity.stop();
    });
  });

  it('is told when a session is resumed, and what the server did not get is sent again, once and in order', async () => {
    const { entity, status } = await ours(
      await ourServer({ resumed: () => `<resumed xmlns="${SM_NS}" previd="session-1" h="1"/>` }),
    );
    await entity.start();
    const first = await server.peer();
    for (const id of ['m1', 'm2', 'm3']) await entity.send(xml('message', { to: 'a@skerry.test', id }), 'refuse');
    await first.get((element) => element.attrs.id === 'm3');
    first.send(command('c1'));
    await first.get(isAnswerTo('c1'));
    const resumed = status('resumed');
    first.cut();
    await resumed;
    const second = await server.peer(2);
    const resume = await second.get((element) => element.is('resume', SM_NS));
    assert.deepEqual([resume.attrs.h, resume.attrs.previd], ['1', 'session-1']);
    await second.get(isAnswerTo('c1'));
    const again = second.received.filter((element) => ['message', 'iq'].includes(element.name));
    assert.deepEqual(
      again.map((element) => element.attrs.id),
      ['m2', 'm3', 'c1'],
    );
    assert.equal(entity.fullJid, 'me@skerry.test/r');
    await entity.stop();
  });

  it('decides what of a lost session is sent again: what was to be kept and never arrived', async () => {
    const { entity, status } = await ours(
      // The server has forgotten the session, but knows that it got one stanza of it.
      await ourServer({ resumed: () => `<failed xmlns="${SM_NS}" h="1"><item-not-found/></failed>` }),
    );
    await entity.start();
    const first = await server.peer();
    await entity.send(xml('message', { to: 'a@skerry.test', id: 'arrived' }), 'keep');
    await entity.send(xml('message', { to: 'a@skerry.test', id: 'kept' }), 'keep');
    await entity.send(xml('presence', { id: 'dropped' }), 'drop');
    await first.get((element) => element.attrs.id === 'dropped');
    const online = status('online');
    first.cut();
    await online;
    await entity.send(xml('message', { to: 'a@skerry.test', id: 'last' }), 'refuse');
    const second = await server.peer(2);
    await second.get((element) => element.attrs.id === 'last');
    const ids = second.received.filter((element) => element.name !== 'iq').map((element) => element.attrs.id);
    assert.deepEqual(
      ids.filter((id) => id !== undefined),
      ['kept', 'last'],
    );
    await entity.stop();
  });

  it('does not go on where the server counts more than there was', async () => {
    const { entity, status } = await ours(await ourServer());
    await entity.start();
    const offline = status('offline');
    (await server.peer()).send(`<a xmlns="${SM_NS}" h="7"/>`);
    const told = await offline;
    assert.match(told.status === 'offline' ? told.problem : '', /counts 7 stanzas where 0 were sent/);
    await entity.stop();
  });

  it('gives up a stanza for which the server ends each stream', async () => {
    const end = '<stream:error><policy-violation xmlns="urn:ietf:params:xml:ns:xmpp-streams"/></stream:error>';
    const { entity } = await ours(
      await ourServer({ resumed: () => `<resumed xmlns="${SM_NS}" previd="session-1" h="0"/>` }),
    );
    let seen = 0;
    const refuse = (peer: Peer): void => {
      const { onElement } = peer;
      peer.onElement = (element) => {
        if (element.attrs.id !== 'poison') return onElement(element);
        seen += 1;
        peer.send(end);
      };
    };
    await entity.start();
    refuse(await server.peer());
    const online = new Promise<void>((resolve) => {
      entity.onStatus(async ({ status }) => {
        if (status === 'online') resolve();
        else if (status === 'offline') refuse(await server.peer(server.peers.length + 1));
      });
    });
    await entity.send(xml('message', { to: 'a@skerry.test', id: 'poison' }), 'keep');
    await online;
    assert.equal(seen, 3);
    await entity.stop();
  });
});
