import assert from 'node:assert/strict';
import { Failure } from '#shared/errors.ts';
import { scene } from './scene.ts';

const say = (
  body: string,
  { from = 'op@skerry.test/phone', id = `m${Math.random()}`, type = 'chat', inner = '' } = {},
): string =>
  `<message from="${from}" to="host1@skerry.test" id="${id}" type="${type}"><body>${body}</body>${inner}</message>`;

describe('chat', () => {
  it('carries a command out and says how it is', async () => {
    const { entity, effects } = scene();
    entity.hears(say('guest start venti'));
    assert.deepEqual(await entity.says(), ['venti · running · 1 vCPU · 96 MiB']);
    assert.deepEqual(effects, ['start venti']);
    assert.equal(entity.sent[0]?.attrs.to, 'op@skerry.test/phone');
  });

  it('lets the noun guest be left out', async () => {
    const { entity } = scene();
    entity.hears(say('list'));
    assert.deepEqual(await entity.says(), ['venti · shutoff · 1 vCPU · 96 MiB\nfossil · shutoff · 1 vCPU · 96 MiB']);
  });

  it('suggests what was meant', async () => {
    const { entity, effects } = scene();
    entity.hears(say('guest strat venti'));
    entity.hears(say('start vneti'));
    const said = await entity.says(2);
    assert.match(said[0] ?? '', /Did you mean start/);
    assert.match(said[1] ?? '', /Did you mean venti/);
    assert.deepEqual(effects, []);
  });

  it('wants a code for what may lose work, once, from the same person', async () => {
    const { entity, effects } = scene();
    entity.hears(say('poweroff venti'));
    const [asked = ''] = await entity.says();
    assert.match(asked, /^guest poweroff venti may lose work or data\. Say yes \w{4} within/);
    const code = /yes (\w+)/.exec(asked)?.[1];
    entity.hears(say(`yes ${code}`, { from: 'admin@skerry.test/x' }));
    assert.match((await entity.says(2))[1] ?? '', /no such code of yours/);
    entity.hears(say(`yes ${code}`));
    await entity.says(3);
    entity.hears(say(`yes ${code}`));
    assert.match((await entity.says(4))[3] ?? '', /no such code/);
    assert.deepEqual(effects, ['poweroff venti']);
  });

  it('says what it would do, where a verb has more to say, and asks nothing that would be refused', async () => {
    const { entity, effects } = scene({
      questions: {
        'guest.poweroff': async ({ guest }) => {
          if (guest === 'nobody') throw new Failure('guest-not-found', { guest, host: 'host1' });
          return `the end of ${guest}`;
        },
      },
    });
    entity.hears(say('poweroff venti'));
    assert.match((await entity.says())[0] ?? '', /^the end of venti may lose work or data\. Say yes/);
    entity.hears(say('poweroff nobody'));
    assert.match((await entity.says(2))[1] ?? '', /no guest nobody/);
    entity.hears(say('poweroff venti', { from: 'viewer@skerry.test/x' }));
    assert.match((await entity.says(3))[2] ?? '', /may not guest\.poweroff/);
    assert.deepEqual(effects, []);
  });

  it('forgets a code after two minutes', async () => {
    const { entity, effects, clock } = scene();
    entity.hears(say('poweroff venti'));
    const code = /yes (\w+)/.exec((await entity.says())[0] ?? '')?.[1];
    clock.now += 121_000;
    entity.hears(say(`yes ${code}`));
    await entity.says(2);
    assert.deepEqual(effects, []);
  });

  it('does not carry a message out twice', async () => {
    const { entity, effects } = scene();
    entity.hears(say('reboot venti', { id: 'same' }));
    await entity.says(1);
    entity.hears(say('reboot venti', { id: 'same' }));
    entity.hears(say('help', { id: 'other' }));
    await entity.says(2);
    assert.deepEqual(effects, ['reboot venti']);
  });

  it('does not carry out what was sent while it was away, nor a correction', async () => {
    const { entity, effects } = scene();
    entity.hears(say('reboot venti', { inner: '<delay xmlns="urn:xmpp:delay" stamp="2026-11-21T00:00:00Z"/>' }));
    entity.hears(say('reboot venti', { inner: '<replace xmlns="urn:xmpp:message-correct:0" id="x"/>' }));
    const said = await entity.says(2);
    assert.match(said[0] ?? '', /away when you sent this/);
    assert.match(said[1] ?? '', /correction is not carried out/);
    assert.deepEqual(effects, []);
  });

  it('never answers echoes, errors, carbons, history, rooms, headlines, or nothing', async () => {
    const { entity, effects } = scene();
    const silent = [
      say('reboot venti', { from: 'host1@skerry.test/agent' }),
      say('reboot venti', { type: 'error' }),
      say('reboot venti', { type: 'groupchat' }),
      say('reboot venti', { type: 'headline' }),
      say('reboot venti', { inner: '<received xmlns="urn:xmpp:carbons:2"/>' }),
      say('reboot venti', { inner: '<result xmlns="urn:xmpp:mam:2"/>' }),
      say('reboot venti', { inner: '<x xmlns="http://jabber.org/protocol/muc#user"/>' }),
      '<message from="op@skerry.test/x" type="chat"><composing xmlns="http://jabber.org/protocol/chatstates"/></message>',
    ];
    for (const message of silent) entity.hears(message);
    entity.hears(say('help'));
    assert.equal((await entity.says()).length, 1);
    assert.deepEqual(effects, []);
  });

  it('refuses a stranger once, and then is silent', async () => {
    const { entity } = scene();
    const stranger = { from: 'bot@elsewhere.test/x' };
    entity.hears(say('hello', stranger));
    entity.hears(say('hello', stranger));
    entity.hears(say('hello', stranger));
    entity.hears(say('help'));
    const said = await entity.says(2);
    assert.match(said[0] ?? '', /has no role here/);
    assert.equal(said.length, 2);
  });

  it('gives receipts', async () => {
    const { entity } = scene();
    entity.hears(say('help', { id: 'r1', inner: '<request xmlns="urn:xmpp:receipts"/>' }));
    await entity.says();
    assert.equal(entity.sent[0]?.getChild('received', 'urn:xmpp:receipts')?.attrs.id, 'r1');
  });

  it('tells whoever began a job how it ended', async () => {
    const { entity, jobs, finish } = scene();
    entity.hears(say('shutdown venti'));
    assert.match((await entity.says())[0] ?? '', /^job 1 · guest.shutdown venti · running/);
    const job = jobs.get('1');
    assert.ok(job);
    finish.ends({ ...job, state: 'done', progress: 'done' });
    assert.match((await entity.says(2))[1] ?? '', /job 1 · guest.shutdown venti · done/);
    assert.equal(entity.sent.at(-1)?.attrs.to, 'op@skerry.test', 'to wherever that person is');
  });
});
