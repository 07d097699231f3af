import assert from 'node:assert/strict';
import type { Element } from '@xmpp/xml';
import fc from 'fast-check';
import { z } from 'zod';
import { Failure } from '#shared/errors.ts';
import type { Perform } from '#shared/verb/request.ts';
import { verb } from '#shared/verb/verb.ts';
import { serveChat } from '#shared/xmpp/chat.ts';
import type { IqRequest } from '#shared/xmpp/entity.ts';
import type { Publish } from '#shared/xmpp/picture.ts';
import { StanzaError } from '#shared/xmpp/stanza-error.ts';
import { requestSlot } from '#shared/xmpp/upload.ts';
import { FakeEntity, parse } from './peer.ts';

const SVG = '<svg width="1" height="1" xmlns="http://www.w3.org/2000/svg"/>';
const URL_OF_IT = 'https://upload.skerry.test:5443/x/picture.png';

/** A verb of anybody, whose answer may be a picture. */
const table = {
  'thing.draw': verb({
    ...{ summary: 'Draw it.', risk: 'read', positional: ['as'], failures: [], timeoutMs: 1_000 },
    args: z.strictObject({ as: z.string() }),
    result: z
      .strictObject({ note: z.string(), drawn: z.string().meta({ multiline: true, picture: true }) })
      .meta({ line: '{drawn}' }),
    example: 'thing draw svg',
  }),
};

function drawing(publish?: Publish) {
  const entity = new FakeEntity();
  const perform = (async ({ args }) => ({
    kind: 'result',
    replayed: false,
    value: { note: SVG, drawn: args.as === 'svg' ? SVG : 'digraph' },
  })) as Perform;
  serveChat({
    ...{ entity, publish, onJob: () => () => {}, now: () => 0, newId: () => 'id' },
    offer: { table, perform, may: () => true, choices: () => [] },
    onBug: (error) => entity.bugs.push(error),
  });
  const asked = async (what: string): Promise<Element> => {
    const id = `m${entity.sent.length}`;
    entity.hears(`<message from="ann@skerry.test/x" type="chat" id="${id}"><body>thing draw ${what}</body></message>`);
    await entity.says(entity.sent.length + 1);
    return entity.sent.at(-1) ?? assert.fail('it said nothing');
  };
  return { entity, asked };
}

describe('pictures in chat', () => {
  it('are a message whose body is their URL, and says so', async () => {
    const published: string[] = [];
    const { asked } = drawing(async (svg) => {
      published.push(svg);
      return URL_OF_IT;
    });
    const message = await asked('svg');
    assert.equal(
      String(message),
      '<message to="ann@skerry.test/x" type="chat" id="id">' +
        `<body>${URL_OF_IT}</body><x xmlns="jabber:x:oob"><url>${URL_OF_IT}</url></x></message>`,
    );
    assert.deepEqual(published, [SVG]);
    const words = await asked('dot');
    assert.equal(words.getChildText('body'), 'digraph');
    assert.equal(words.getChild('x'), undefined);
    assert.equal(published.length, 1);
  });

  it('are text where nobody publishes them, and text with why where that fails', async () => {
    assert.equal((await drawing().asked('svg')).getChildText('body'), SVG);
    const { asked } = drawing(async () => {
      throw new Failure('picture-not-sent', { problem: 'the disk is full' });
    });
    const message = await asked('svg');
    assert.equal(
      message.getChildText('body'),
      `The picture cannot be sent: the disk is full. Here it is as text.\n${SVG}`,
    );
    assert.equal(message.getChild('x'), undefined);
  });
});

describe('a slot of an upload service', () => {
  const file = { name: 'a.png', size: 7, type: 'image/png' };
  const slotOf = async (inside: string, requests: IqRequest[] = []) =>
    requestSlot(
      {
        bareJid: 'central.skerry.test',
        request: async (iq) => {
          requests.push(iq);
          return parse(`<iq type="result">${inside}</iq>`);
        },
      },
      'upload.skerry.test',
      file,
    );
  const slot = (put: string, get: string, headers = ''): string =>
    `<slot xmlns="urn:xmpp:http:upload:0"><put url="${put}">${headers}</put><get url="${get}"/></slot>`;

  it('is asked for by name, size and type, and read with the headers that are allowed', async () => {
    const requests: IqRequest[] = [];
    const headers = '<header name="Authorization">Basic\n x</header><header name="Host">evil</header>';
    assert.deepEqual(await slotOf(slot('https://u/p', 'https://u/g', headers), requests), {
      ...{ put: 'https://u/p', get: 'https://u/g', headers: { authorization: 'Basic x' } },
    });
    const [{ child, ...rest } = assert.fail()] = requests;
    assert.deepEqual(rest, {
      ...{ from: 'central.skerry.test', to: 'upload.skerry.test', type: 'get', timeoutMs: 10_000 },
    });
    assert.equal(
      String(child),
      '<request xmlns="urn:xmpp:http:upload:0" filename="a.png" size="7" content-type="image/png"/>',
    );
  });

  it('is nothing but two URLs of the web', async () => {
    const none = { code: 'host-output', message: /gave no slot/ };
    await assert.rejects(slotOf(''), none);
    await assert.rejects(slotOf(slot('file:///etc/passwd', 'https://u/g')), none);
    await assert.rejects(slotOf(slot('https://u/p', 'javascript:alert(1)')), none);
    await fc.assert(
      fc.asyncProperty(fc.stringMatching(/^[a-z:/ .]{0,20}$/), async (url) => {
        const read = await slotOf(slot(url, 'https://u/g')).catch((error: Failure) => error.code);
        return read === 'host-output' || (typeof read === 'object' && /^https?:/.test(new URL(read.put).protocol));
      }),
    );
  });

  it('is refused in words', async () => {
    const refusing = async (): Promise<never> => {
      throw new StanzaError('modify', 'not-acceptable', 'File larger than 5 bytes');
    };
    await assert.rejects(
      requestSlot({ bareJid: 'central.skerry.test', request: refusing }, 'upload.skerry.test', file),
      {
        code: 'peer-refused',
        message: 'upload.skerry.test answered not-acceptable: File larger than 5 bytes.',
      },
    );
  });
});
