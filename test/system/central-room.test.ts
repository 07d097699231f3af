import assert from 'node:assert/strict';
import xml, { type Element } from '@xmpp/xml';
import { bareOf, resourceOf } from '#shared/xmpp/jid.ts';
import { type Person, rigPerson } from './support/person.ts';
import { type TestRig, testRig, until } from './support/rig.ts';

const MUC_NS = 'http://jabber.org/protocol/muc';

describe('the room of a real site', function () {
  this.timeout(240_000);
  let rig: TestRig;
  let operator: Person;
  let viewer: Person;
  let ids = 0;
  const join = async (who: Person, nick: string): Promise<void> => {
    const after = who.seen.length;
    const x = xml('x', { xmlns: MUC_NS }, xml('history', { maxstanzas: '0' }));
    await who.send(xml('presence', { to: `${rig.room}/${nick}` }, x));
    await who.sees(
      'itself in the room',
      (stanza) =>
        who.seen.indexOf(stanza) >= after &&
        isStatus(stanza, '110') &&
        stanza.attrs.type === undefined &&
        resourceOf(stanza.attrs.from ?? '') === nick,
    );
  };
  const isStatus = (stanza: Element, code: string): boolean =>
    (stanza.getChild('x', `${MUC_NS}#user`)?.getChildren('status') ?? []).some(({ attrs }) => attrs.code === code);
  const say = (who: Person, body: string): Promise<void> =>
    who.send(xml('message', { to: rig.room, type: 'groupchat', id: `room-${++ids}` }, xml('body', {}, body)));
  const hears = (who: Person, what: string, text: RegExp, after = 0, timeoutMs?: number): Promise<Element> => {
    const fits = (stanza: Element): boolean => {
      const { from = '', type } = stanza.attrs;
      const isCentral = from === `${rig.room}/skerry` && type === 'groupchat';
      return isCentral && who.seen.indexOf(stanza) >= after && text.test(stanza.getChildText('body') ?? '');
    };
    return who.sees(what, fits, timeoutMs);
  };

  before(async () => {
    rig = await testRig();
    await rig.ensureOff('host1', 'venti');
    operator = await rigPerson(rig, 'operator');
    viewer = await rigPerson(rig, 'viewer');
    await join(operator, 'olga');
    await join(viewer, 'vera');
    await operator.sees('central', ({ name, attrs }) => name === 'presence' && attrs.from === `${rig.room}/skerry`);
  });
  after(async () => {
    await rig.ensureOff('host1', 'venti');
    await operator?.entity.stop();
    await viewer?.entity.stop();
  });

  it('tells what happens, a line each, whoever did it', async () => {
    await rig.virsh('host1', ['start', 'venti']);
    await hears(viewer, 'that venti runs', /^venti: running \(host1\)/m);
  });

  it('takes commands that are addressed to central, and answers who asked', async () => {
    await say(operator, 'is anybody there?');
    await say(operator, 'skerry: info venti');
    await hears(viewer, 'how venti is', /^olga: Name: venti\nState: running/);
    await say(operator, 'skerry, suspend venti');
    await hears(viewer, 'that it is done', /^olga: venti · paused/);
    assert.match(await rig.virsh('host1', ['domstate', 'venti']), /paused/);
  });

  it('goes by the address of a person, not by the nick', async () => {
    await operator.send(xml('presence', { to: `${rig.room}/olga`, type: 'unavailable' }));
    await viewer.sees(
      'that olga left',
      ({ attrs }) => attrs.from === `${rig.room}/olga` && attrs.type === 'unavailable',
    );
    await join(viewer, 'olga');
    const after = viewer.seen.length;
    await say(viewer, 'skerry: resume venti');
    await hears(viewer, 'a refusal', /^olga: viewer@skerry.test may not guest\.resume/, after);
    assert.match(await rig.virsh('host1', ['domstate', 'venti']), /paused/);
    await join(viewer, 'vera');
    await join(operator, 'olga');
  });

  it('wants a code for what may lose work, and takes it from who was asked alone', async () => {
    const after = operator.seen.length;
    await say(operator, 'skerry: poweroff venti');
    const asked = await hears(operator, 'a code', /yes \w{4}/, after);
    const code = /yes (\w{4})/.exec(asked.getChildText('body') ?? '')?.[1] ?? '';
    await say(viewer, `skerry: yes ${code}`);
    await hears(operator, 'that it is none of hers', /^vera: There is no such code/, after);
    await say(operator, `skerry: yes ${code}`);
    await hears(operator, 'that it is off', /^olga: venti · shutoff/, after);
  });

  it('is joined again after central, and after the server, was killed', async () => {
    const isIn = (after: number) =>
      operator.sees('central in the room', (stanza) => {
        const { from = '', type } = stanza.attrs;
        const isThere = stanza.name === 'presence' && from === `${rig.room}/skerry` && type === undefined;
        return isThere && operator.seen.indexOf(stanza) >= after;
      });
    let after = operator.seen.length;
    await rig.killCentral();
    await isIn(after);
    const back = Promise.withResolvers<void>();
    const off = operator.entity.onStatus(({ status }) => status === 'online' && back.resolve());
    await rig.killEjabberd();
    await back.promise;
    off();
    after = operator.seen.length;
    await join(operator, 'olga');
    await isIn(after);
    await until('it answers', async () => {
      const before = operator.seen.length;
      await say(operator, 'skerry: host list');
      return hears(operator, 'the hosts', /^olga: host1/, before, 5_000).then(
        () => true,
        () => false,
      );
    });
    assert.equal(bareOf(operator.entity.fullJid ?? ''), 'operator@skerry.test');
  });
});
