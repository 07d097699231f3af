import assert from 'node:assert/strict';
import xml from '@xmpp/xml';
import { type Person, rigPerson } from './support/person.ts';
import { type TestRig, testRig } from './support/rig.ts';

describe('pictures in chat of a real site', function () {
  this.timeout(60_000);
  let rig: TestRig;
  let viewer: Person;
  before(async () => {
    rig = await testRig();
    viewer = await rigPerson(rig, 'viewer');
    await viewer.send(xml('presence'));
  });
  after(() => viewer?.entity.stop());

  it('are at a URL that central inside the server and a client outside it reach', async () => {
    await viewer.send(xml('message', { to: rig.central, type: 'chat', id: 'p-1' }, xml('body', {}, 'network graph')));
    const told = await viewer.sees('a picture', (got) => got.name === 'message' && got.attrs.from === rig.central);
    const url = told.getChild('x', 'jabber:x:oob')?.getChildText('url');
    assert.ok(url, String(told));
    const answer = await fetch(url);
    assert.equal(answer.headers.get('content-type'), 'image/png');
    const bytes = Buffer.from(await answer.arrayBuffer());
    assert.equal(bytes.subarray(1, 4).toString(), 'PNG');
    assert.ok(bytes.readUInt32BE(16) > 600, 'it shows the network of the rig');
  });
});
