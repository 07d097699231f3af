import assert from 'node:assert/strict';
import xml, { type Element } from '@xmpp/xml';
import { ScriptedServer } from './scripted-server.ts';
import { ours, pki, stock } from './sides.ts';

const TEXT = 'Grüße, 東京, 🚀';
const MESSAGE = Buffer.from(`<message from="a@skerry.test"><body>${TEXT}</body></message>`);

describe('Text', () => {
  let server: ScriptedServer;
  afterEach(() => server.stop());

  /** Byte by byte, so that every character of several bytes is cut, wherever packets end. */
  const sendCut = async (): Promise<void> => {
    const { socket } = await server.peer();
    for (const byte of MESSAGE)
      await new Promise<void>((sent) => socket.write(Uint8Array.of(byte), () => setImmediate(sent)));
  };

  describe('that is cut within a character', () => {
    it('stock: is broken', async () => {
      server = await ScriptedServer.start();
      const { client } = stock(server);
      await client.start();
      const came = new Promise<Element>((resolve) => client.once('stanza', resolve));
      await sendCut();
      assert.match((await came).getChildText('body') ?? '', /\ufffd/);
      await client.stop();
    });

    it('ours: is whole', async () => {
      server = await ScriptedServer.start({ tls: (await pki()).context });
      const { entity } = await ours(server);
      await entity.start();
      const came = new Promise<Element>((resolve) => entity.onMessage(resolve));
      await sendCut();
      assert.equal((await came).getChildText('body'), TEXT);
      await entity.stop();
    });
  });

  describe('with characters that XML cannot have', () => {
    const said = '\u0000 \u001b[31mred\u001b[0m \ud800 end';
    it('stock: sends them, and a server ends the stream', async () => {
      server = await ScriptedServer.start();
      const { client } = stock(server);
      await client.start();
      await client.send(xml('message', { to: 'a@skerry.test' }, xml('body', {}, said)));
      const { clear } = await server.peer();
      await (await server.peer()).get((element) => element.name === 'message');
      assert.ok(clear.includes('\u001b') || (await server.peer()).clear.includes('\u001b'));
      await client.stop();
    });

    it('ours: has marks in their place', async () => {
      server = await ScriptedServer.start({ tls: (await pki()).context });
      const { entity } = await ours(server);
      await entity.start();
      await entity.send(xml('message', { to: 'a@skerry.test' }, xml('body', {}, said)), 'refuse');
      const message = await (await server.peer()).get((element) => element.name === 'message');
      assert.equal(message.getChildText('body'), '\ufffd \ufffd[31mred\ufffd[0m \ufffd end');
      await entity.stop();
    });
  });

  it('that is too large for the server is not sent, and an answer that is too large becomes an error', async () => {
    server = await ScriptedServer.start({ tls: (await pki()).context });
    const { entity } = await ours(server);
    const huge = (): Element => xml('huge', { xmlns: 'urn:test' }, 'ü'.repeat(300_000));
    entity.serve('get', 'urn:test', 'q', huge);
    await entity.start();
    const tooLarge = { code: 'stanza-too-large' };
    await assert.rejects(entity.send(xml('message', {}, huge()), 'keep'), tooLarge);
    await assert.rejects(entity.request({ type: 'get', child: huge() }), tooLarge);
    const peer = await server.peer();
    peer.send('<iq type="get" id="q1" from="a@skerry.test/x"><q xmlns="urn:test"/></iq>');
    const answer = await peer.get((element) => element.attrs.id === 'q1');
    assert.equal(answer.attrs.type, 'error');
    assert.ok(answer.getChild('error')?.getChild('stanza-too-large'));
    await entity.stop();
  });
});
