import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { component as stockComponent } from '@xmpp/component';
import xml, { type Element } from '@xmpp/xml';
import { xmppComponent } from '#shared/xmpp/connection/component.ts';
import { ScriptedServer } from './scripted-server.ts';
import { QUICK, type Recorded, recorded, silent } from './sides.ts';

const NAME = 'central.skerry.test';
const NAMES = 'xmlns="jabber:component:accept" xmlns:stream="http://etherx.jabber.org/streams"';
const REFUSAL =
  '<stream:error><not-authorized xmlns="urn:ietf:params:xml:ns:xmpp-streams"/></stream:error></stream:stream>';
const TEXT = 'Grüße, 東京, 🚀';
const MESSAGE = Buffer.from(`<message from="a@skerry.test" to="${NAME}"><body>${TEXT}</body></message>`);

/** XEP-0114 as a server does it. @param behind put behind its part of the handshake */
const serve = (behind = ''): Promise<ScriptedServer> =>
  ScriptedServer.start({}, (peer) => {
    peer.onHeader = () => peer.send(`<?xml version="1.0"?><stream:stream ${NAMES} id="s7" from="${NAME}">`);
    peer.onElement = (element) => {
      if (element.name !== 'handshake') return;
      const isRight = element.getText() === createHash('sha1').update('s7secret').digest('hex');
      peer.send(isRight ? `<handshake/>${behind}` : REFUSAL);
    };
  });

describe('A component (XEP-0114)', () => {
  let server: ScriptedServer;
  beforeEach(async () => {
    server = await serve();
  });
  afterEach(() => server.stop());

  const ours = (secret = 'secret'): Recorded => {
    const bugs: unknown[] = [];
    const service = { host: '127.0.0.1', port: server.port };
    const onBug = (error: unknown): void => void bugs.push(error);
    return recorded(xmppComponent({ domain: NAME, secret, service, reconnect: QUICK, log: silent, onBug }), bugs);
  };
  const sendCut = async (): Promise<void> => {
    const { socket } = await server.peer();
    for (const byte of MESSAGE)
      await new Promise<void>((sent) => socket.write(Uint8Array.of(byte), () => setImmediate(sent)));
  };

  it('stock: breaks text that is cut within a character', async () => {
    const entity = stockComponent({ service: `xmpp://127.0.0.1:${server.port}`, domain: NAME, password: 'secret' });
    entity.on('error', () => {});
    entity.timeout = 200;
    await entity.start();
    const came = new Promise<Element>((resolve) => entity.once('stanza', resolve));
    await sendCut();
    assert.match((await came).getChildText('body') ?? '', /\ufffd/);
    await entity.stop();
  });

  it('ours: does not; and its elements are those of everybody', async () => {
    const { entity } = ours();
    await entity.start();
    const came = new Promise<Element>((resolve) => entity.onMessage(resolve));
    await sendCut();
    const message = await came;
    assert.equal(message.getChildText('body'), TEXT);
    assert.equal(message.constructor, xml('x').constructor);
    await entity.stop();
  });

  it('hears what the server says in the same packet as its part of the handshake', async () => {
    await server.stop();
    server = await serve(MESSAGE.toString());
    const { entity } = ours();
    const came = new Promise<Element>((resolve) => entity.onMessage(resolve));
    await entity.start();
    assert.equal((await came).getChildText('body'), TEXT);
    await entity.stop();
  });

  it('with a wrong secret is refused, and that is final', async () => {
    const { entity } = ours('wrong');
    await assert.rejects(entity.start(), { code: 'login-refused', message: /central\.skerry\.test: not-authorized/ });
    assert.equal(server.peers.length, 1);
  });

  it('speaks and answers for the addresses below it', async () => {
    const { entity } = ours();
    entity.serve('get', 'urn:test', 'q', ({ to, from }) => xml('said', { xmlns: 'urn:test' }, `${from} ${to}`));
    await entity.start();
    const peer = await server.peer();
    const answered = peer.next((element) => element.attrs.id === 'i1');
    peer.send(`<iq type="get" id="i1" from="a@skerry.test/x" to="venti@${NAME}/host1"><q xmlns="urn:test"/></iq>`);
    const answer = await answered;
    assert.equal(answer.attrs.from, `venti@${NAME}/host1`);
    assert.equal(answer.getChildText('said'), `a@skerry.test/x venti@${NAME}/host1`);

    const request = entity.request({
      ...{ from: `venti@${NAME}`, to: 'a@skerry.test/x', type: 'get' },
      child: xml('q', { xmlns: 'urn:test' }),
    });
    const sent = await peer.get((element) => element.name === 'iq' && element.attrs.type === 'get');
    assert.equal(sent.attrs.from, `venti@${NAME}`);
    peer.send(
      `<iq type="result" id="${sent.attrs.id}" from="eve@skerry.test/x" to="venti@${NAME}"><said>no</said></iq>`,
    );
    peer.send(
      `<iq type="result" id="${sent.attrs.id}" from="a@skerry.test/x" to="venti@${NAME}"><said>yes</said></iq>`,
    );
    assert.equal((await request).getChildText('said'), 'yes');
    await entity.stop();
  });

  it('comes back, answers over the new connection, and sends what was kept', async () => {
    const { entity, status } = ours();
    const { promise, resolve } = Promise.withResolvers<undefined>();
    entity.serve('set', 'urn:test', 'q', () => promise);
    await entity.start();
    assert.equal(entity.fullJid, NAME);
    const first = await server.peer();
    const request = entity.request({ from: NAME, to: 'a@skerry.test/x', type: 'get', child: xml('q') });
    const seen = first.get((element) => element.attrs.type === 'get');
    first.send(`<iq type="set" id="i1" from="a@skerry.test/x" to="${NAME}"><q xmlns="urn:test"/></iq>`);
    await seen;
    const offline = status('offline');
    const online = status('online');
    first.send(
      '<stream:error><system-shutdown xmlns="urn:ietf:params:xml:ns:xmpp-streams"/></stream:error></stream:stream>',
    );
    await assert.rejects(request, { code: 'not-connected' });
    const told = await offline;
    assert.match(told.status === 'offline' ? told.problem : '', /system-shutdown/);
    resolve(undefined);
    await entity.send(xml('message', { from: NAME, to: 'a@skerry.test', id: 'kept' }), 'keep');
    await online;
    const second = await server.peer(2);
    await second.get((element) => element.attrs.id === 'i1');
    await second.get((element) => element.attrs.id === 'kept');
    await entity.stop();
  });
});
