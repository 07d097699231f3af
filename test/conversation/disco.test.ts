import assert from 'node:assert/strict';
import type { Element } from '@xmpp/xml';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { capsElement, verificationOf } from '#shared/xmpp/disco.ts';
import { IDENTITY, scene } from './scene.ts';
import { COMMANDS, failsWith, HOST } from './stanzas.ts';

const OP = 'op@skerry.test/gajim';
const STRANGER = 'stranger@elsewhere.test/x';
const get = (kind: 'info' | 'items', node?: string, from = OP): string =>
  `<iq type="get" id="1" from="${from}" to="${HOST}"><query xmlns="http://jabber.org/protocol/disco#${kind}"${node === undefined ? '' : ` node="${node}"`}/></iq>`;
const featuresOf = (reply: Element): (string | undefined)[] =>
  reply
    .getChild('query')
    ?.getChildren('feature')
    .map((each) => each.attrs.var) ?? [];

describe('service discovery (XEP-0030)', () => {
  it('says what it is and what it can', async () => {
    const { entity } = scene();
    const info = await entity.receives(get('info'));
    assert.deepEqual({ ...info.getChild('query')?.getChild('identity')?.attrs }, IDENTITY);
    for (const feature of [COMMANDS, 'jabber:x:data', 'urn:xmpp:ping', 'jabber:iq:version', 'urn:xmpp:time'])
      assert.ok(featuresOf(info).includes(feature), feature);
  });

  it('lists what the driver can do and the requester may, in the same words that refuse it', async () => {
    const { entity } = scene({ lacks: ['guest.stats'] });
    const listed = async (from: string): Promise<(string | undefined)[]> =>
      (await entity.receives(get('items', COMMANDS, from)))
        .getChild('query')
        ?.getChildren('item')
        .map((item) => item.attrs.node) ?? [];
    for (const [from, count] of [
      ['admin@skerry.test/x', Object.keys(agentVerbs).length - 1],
      [STRANGER, 0],
    ] as const)
      assert.equal((await listed(from)).length, count);
    for (const from of ['admin@skerry.test/x', OP, 'viewer@skerry.test/x', STRANGER]) {
      const nodes = await listed(from);
      for (const verb of Object.keys(agentVerbs)) {
        const node = `urn:skerry:verb:1#${verb}`;
        const info = await entity.receives(get('info', node, from));
        assert.equal(info.attrs.type, nodes.includes(node) ? 'result' : 'error', `${from} ${verb}`);
      }
    }
  });

  it('lists commands at the JID that was asked, and describes each', async () => {
    const { entity } = scene();
    const [item] = (await entity.receives(get('items', COMMANDS))).getChild('query')?.getChildren('item') ?? [];
    assert.equal(item?.attrs.jid, HOST);
    assert.equal(item?.attrs.name, 'host list');
    const info = await entity.receives(get('info', item?.attrs.node));
    assert.deepEqual(
      { ...info.getChild('query')?.getChild('identity')?.attrs },
      { category: 'automation', type: 'command-node', name: 'host list' },
    );
    assert.deepEqual(featuresOf(info), [COMMANDS, 'jabber:x:data']);
    const nothing = await entity.receives(get('items', item?.attrs.node));
    assert.deepEqual(nothing.getChild('query')?.getChildElements(), []);
  });

  it('says item-not-found for a node that is not there, forbidden for one that is not allowed', async () => {
    const { entity } = scene();
    for (const node of ['', 'x', 'urn:skerry:verb:1#', 'urn:skerry:verb:1#__proto__', 'urn:skerry:verb:1#guest'])
      for (const kind of ['info', 'items'] as const) {
        const reply = await entity.receives(get(kind, node));
        assert.ok(reply.getChild('error')?.getChild('item-not-found'), `${kind} ${node}: ${reply}`);
      }
    failsWith(await entity.receives(get('info', 'urn:skerry:verb:1#guest.delete')), 'forbidden', 'not-permitted');
  });
});

describe('entity capabilities (XEP-0115)', () => {
  it('hash as the example of section 5.2', () => {
    const features = [
      'http://jabber.org/protocol/disco#info',
      'http://jabber.org/protocol/disco#items',
      'http://jabber.org/protocol/muc',
      'http://jabber.org/protocol/caps',
    ];
    const exodus = { category: 'client', type: 'pc', name: 'Exodus 0.9.1' };
    assert.equal(verificationOf([exodus], features), 'QgayPKawpkPSDYmwT/WM94uAlu0=');
  });

  it('are the hash of what disco#info answers at their node', async () => {
    const { entity } = scene();
    const { hash, node, ver } = capsElement(IDENTITY).attrs;
    const info = await entity.receives(get('info', `${node}#${ver}`));
    const features = featuresOf(info).map(String);
    assert.equal(hash, 'sha-1');
    assert.equal(verificationOf([IDENTITY], features), ver);
    assert.deepEqual(featuresOf(await entity.receives(get('info'))), features);
  });
});
