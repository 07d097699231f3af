import assert from 'node:assert/strict';
import { scene } from './scene.ts';
import { HOST } from './stanzas.ts';

const get = (name: string, xmlns: string, type = 'get'): string =>
  `<iq type="${type}" id="1" from="anyone@skerry.test/x" to="${HOST}"><${name} xmlns="${xmlns}"/></iq>`;

describe('small questions', () => {
  it('are answered: ping (XEP-0199)', async () => {
    const reply = await scene().entity.receives(get('ping', 'urn:xmpp:ping'));
    assert.equal(reply.attrs.type, 'result');
    assert.deepEqual(reply.getChildElements(), []);
  });

  it('are answered: software version (XEP-0092), without telling of the machine', async () => {
    const query = (await scene().entity.receives(get('query', 'jabber:iq:version'))).getChild('query');
    assert.deepEqual(
      query?.getChildElements().map((each) => `${each.name} ${each.text()}`),
      ['name Skerry agent', 'version 0.1.0'],
    );
  });

  it('are answered: time (XEP-0202), by the clock that was handed in', async () => {
    const { entity, clock } = scene();
    clock.now = Date.parse('2026-11-21T05:00:00Z');
    const time = (await entity.receives(get('time', 'urn:xmpp:time'))).getChild('time');
    assert.equal(time?.getChildText('utc'), '2026-11-21T05:00:00.000Z');
    assert.match(time?.getChildText('tzo') ?? '', /^[+-]\d\d:\d\d$/);
  });

  it('are refused where nobody answers, and where they are not asked but told', async () => {
    const { entity } = scene();
    for (const stanza of [get('query', 'urn:nobody'), get('ping', 'urn:xmpp:ping', 'set')]) {
      const reply = await entity.receives(stanza);
      assert.ok(reply.getChild('error')?.getChild('service-unavailable'), String(reply));
    }
  });
});
