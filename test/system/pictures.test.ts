import assert from 'node:assert/strict';
import xml, { type Element } from '@xmpp/xml';
import { askUntilAnswered } from './support/asking.ts';
import { CENTRAL, CENTRAL_SECRET, type TestCentral, testCentral } from './support/central.ts';
import { component, type Person, person } from './support/person.ts';
import { type TestServer, testServer } from './support/server.ts';

const UPLOAD = 'urn:xmpp:http:upload:0';
const MUC_NS = 'http://jabber.org/protocol/muc';
const ROOM = 'ops@conference.skerry.test';
const STRANGER = 'stranger.skerry.test';
const CHAIN = 'chain: small\nnodes:\n  host1: { kind: host }\n';

describe('pictures in chat', function () {
  this.timeout(120_000);
  let server: TestServer;
  let central: TestCentral;
  let ann: Person;
  let ids = 0;
  const ask = askUntilAnswered(() => ann, 10_000);
  const config = (upload?: object) => ({
    hosts: ['host1'],
    room: ROOM,
    policy: { grants: [{ jid: 'ann@skerry.test', role: 'admin' }] },
    ...(upload === undefined ? {} : { upload }),
  });

  before(async () => {
    const components = { [CENTRAL]: CENTRAL_SECRET, [STRANGER]: 'the-secret-of-a-stranger' };
    server = await testServer({ accounts: ['ann', 'host1'], components });
    central = await testCentral(server, { config: config({ service: 'upload.skerry.test' }) });
    await central.start();
    ann = await person(server, 'ann');
    await ann.send(xml('presence'));
    await ask('chain.set', { file: CHAIN });
  });
  after(async () => {
    await ann?.entity.stop();
    await central?.remove();
    await server?.stop();
  });

  /** What is answered in chat to these words. */
  const answerTo = async (body: string): Promise<Element> => {
    const after = ann.seen.length;
    await ann.send(xml('message', { to: CENTRAL, type: 'chat', id: `p-${++ids}` }, xml('body', {}, body)));
    return ann.sees(`an answer to ${body}`, (got) => ann.seen.indexOf(got) >= after && isSaidBy(got, CENTRAL));
  };
  const isSaidBy = (got: Element, jid: string): boolean =>
    got.name === 'message' && got.attrs.from === jid && got.getChildText('body') !== null;
  const linkIn = (message: Element): string => {
    const url = message.getChild('x', 'jabber:x:oob')?.getChildText('url');
    assert.ok(url, String(message));
    assert.equal(message.getChildText('body'), url);
    return url;
  };
  /** The size of the PNG there, in pixels. */
  const sizeAt = async (url: string): Promise<{ width: number; height: number }> => {
    const answer = await fetch(url);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('content-type'), 'image/png');
    const bytes = Buffer.from(await answer.arrayBuffer());
    assert.equal(bytes.subarray(0, 8).toString('latin1'), '\x89PNG\r\n\x1a\n');
    return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
  };
  const svgSize = (svg: string): { width: number; height: number } => {
    const [, width, height] = /^<svg width="(\d+)" height="(\d+)"/.exec(svg) ?? assert.fail(svg.slice(0, 80));
    return { width: 2 * Number(width), height: 2 * Number(height) };
  };

  it('come as the URL of a PNG of the size of the SVG that a program gets', async () => {
    const { text } = (await ask('chain.show', { chain: 'small', graph: 'svg' })) as { text: string };
    assert.deepEqual(await sizeAt(linkIn(await answerTo('chain show small graph=svg'))), svgSize(text));
    assert.ok((await sizeAt(linkIn(await answerTo('network graph')))).width > 100);
  });

  it('are for what is an SVG alone', async () => {
    assert.match((await answerTo('chain show small graph=dot')).getChildText('body') ?? '', /^digraph/);
    assert.equal((await answerTo('chain show small')).getChildText('body'), CHAIN.trim());
  });

  it('come to the room that they are asked for in', async () => {
    const x = xml('x', { xmlns: MUC_NS }, xml('history', { maxstanzas: '0' }));
    await ann.send(xml('presence', { to: `${ROOM}/ann` }, x));
    await ann.sees('central in the room', ({ attrs }) => attrs.from === `${ROOM}/skerry`);
    const body = xml('body', {}, 'skerry: chain show small graph=svg');
    await ann.send(xml('message', { to: ROOM, type: 'groupchat', id: 'r-1' }, body));
    const told = await ann.sees('a picture in the room', (got) => isSaidBy(got, `${ROOM}/skerry`));
    assert.equal(told.attrs.type, 'groupchat');
    assert.ok((await sizeAt(linkIn(told))).height > 100);
  });

  it('are uploaded by central and people, and by nobody else', async () => {
    const stranger = await component(server, STRANGER, 'the-secret-of-a-stranger');
    const child = xml('request', { xmlns: UPLOAD, filename: 'a.png', size: '5' });
    const asked = { from: STRANGER, to: 'upload.skerry.test', type: 'get', child } as const;
    await assert.rejects(stranger.entity.request(asked), { condition: 'forbidden' });
    await stranger.entity.stop();
  });

  it('are told as text, with why, where the upload service is away, and without why where there is none', async () => {
    const other = async (upload?: object): Promise<string> => {
      await central.remove();
      central = await testCentral(server, { config: config(upload) });
      await central.start();
      await ask('chain.set', { file: CHAIN });
      return (await answerTo('chain show small graph=svg')).getChildText('body') ?? '';
    };
    const [why, svg] = (await other({ service: 'gone.skerry.test' })).split('\n');
    assert.match(why ?? '', /^The picture cannot be sent: gone\.skerry\.test answered .*Here it is as text\.$/);
    assert.match(svg ?? '', /^<svg /);
    assert.match(await other(), /^<svg /);
  });
});
