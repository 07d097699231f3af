import assert from 'node:assert/strict';
import { scene } from './scene.ts';

let ids = 0;
const say = (body: string, { from = 'op@skerry.test/phone', id = `m${++ids}`, inner = '' } = {}): string =>
  `<message from="${from}" to="host1@skerry.test" id="${id}" type="chat"><body>${body}</body>${inner}</message>`;

describe('chat, with those who send twice, too much, or nonsense', () => {
  it('knows a message again by its origin id, from another resource too', async () => {
    const { entity, effects } = scene();
    const origin = '<origin-id xmlns="urn:xmpp:sid:0" id="o1"/>';
    entity.hears(say('reboot venti', { inner: origin }));
    await entity.says(1);
    entity.hears(say('reboot venti', { inner: origin, from: 'op@skerry.test/laptop' }));
    entity.hears(say('help'));
    await entity.says(2);
    assert.deepEqual(effects, ['reboot venti']);
  });

  it('does what another message says although its client counts from one each time', async () => {
    const { entity, effects } = scene();
    entity.hears(say('reboot venti', { id: '1' }));
    await entity.says(1);
    entity.hears(say('reboot fossil', { id: '1' }));
    await entity.says(2);
    assert.deepEqual(effects, ['reboot venti', 'reboot fossil']);
  });

  it('gives the outcome on record, and says so, where it no longer knows that it answered', async () => {
    const { entity, effects, clock } = scene();
    entity.hears(say('reboot venti', { id: 'old' }));
    await entity.says(1);
    for (let n = 1; n <= 2_000; n++) {
      clock.now += 1_000;
      entity.hears(say('help'));
    }
    await entity.says(2_001);
    entity.hears(say('reboot venti', { id: 'old' }));
    assert.match(
      (await entity.says(2_002))[2_001] ?? '',
      /carried out before, and was not again\. It ended so:\nventi/,
    );
    assert.deepEqual(effects, ['reboot venti']);
  });

  it('stops hearing one who sends too much, says so once, and hears again later', async () => {
    const { entity, clock } = scene();
    for (let n = 0; n < 100; n++) entity.hears(say('help'));
    const said = await entity.says(61);
    await new Promise(setImmediate);
    assert.equal((await entity.says()).length, 61);
    assert.equal(said.filter((text) => text.includes('too much at once')).length, 1);
    clock.now += 60_000;
    entity.hears(say('help'));
    assert.equal((await entity.says(62)).length, 62);
  });

  it('does not hold one for what another sends', async () => {
    const { entity, effects } = scene();
    for (let n = 0; n < 100; n++) entity.hears(say('help', { from: 'viewer@skerry.test/x' }));
    entity.hears(say('start venti'));
    await entity.says(62);
    assert.deepEqual(effects, ['start venti']);
  });

  it('ends a talk with a program that says back what it hears', async () => {
    const { entity } = scene();
    entity.hears(say('good morning'));
    for (let n = 1; n < 30; n++) {
      const last = (await entity.says(Math.min(n, 10))).at(-1) ?? '';
      entity.hears(say(last.replaceAll('&', '&amp;').replaceAll('<', '&lt;')));
      await new Promise(setImmediate);
    }
    const said = await entity.says();
    assert.equal(said.length, 10);
    assert.match(said[9] ?? '', /say so no more/);
    entity.hears(say('list'));
    assert.match((await entity.says(11))[10] ?? '', /^venti/);
  });

  it('refuses in words what only others may, and puts it into the trail', async () => {
    const { entity, effects, audit } = scene();
    entity.hears(say('start venti', { from: 'viewer@skerry.test/x' }));
    assert.deepEqual(await entity.says(), ['viewer@skerry.test may not guest.start.']);
    assert.deepEqual(effects, []);
    assert.equal(audit.at(-1)?.outcome, 'not-permitted');
  });

  it('asks no confirmation of one who may not do it', async () => {
    const { entity } = scene();
    entity.hears(say('poweroff venti', { from: 'viewer@skerry.test/x' }));
    entity.hears(say('delete venti'));
    for (const text of await entity.says(2)) assert.match(text, /may not guest/);
  });

  it('binds a code to the exact command', async () => {
    const { entity, effects } = scene();
    entity.hears(say('poweroff venti'));
    entity.hears(say('poweroff fossil'));
    const [first = '', second = ''] = (await entity.says(2)).map((text) => /yes (\w+)/.exec(text)?.[1] ?? '');
    assert.notEqual(first, second);
    entity.hears(say(`Yes ${second.toUpperCase()}`));
    await entity.says(3);
    entity.hears(say(`yes ${first}`));
    await entity.says(4);
    assert.deepEqual(effects, ['poweroff fossil', 'poweroff venti']);
  });

  it('keeps the thread of a talk', async () => {
    const { entity } = scene();
    entity.hears(say('help', { inner: '<thread>t1</thread>' }));
    await entity.says();
    assert.equal(entity.sent[0]?.getChildText('thread'), 't1');
  });

  it('cuts a long answer between lines, and a very long one off', async () => {
    const line = `${'x'.repeat(98)}é`;
    const text = (lines: number) => ({ guest: 'venti', from: 0, next: 1, missed: 0, text: `${line}\n`.repeat(lines) });
    let lines = 200;
    const { entity } = scene({ handlers: { 'console.read': async () => text(lines) } });
    entity.hears(say('console read venti'));
    const said = await entity.says(4);
    assert.equal(said.join('\n'), text(lines).text.trimEnd());
    assert.ok(said.every((part) => part.length <= 6_000 && part.endsWith('é')));
    lines = 2_000;
    entity.hears(say('console read venti'));
    const more = (await entity.says(13)).slice(4);
    assert.equal(more.length, 9);
    assert.match(more[8] ?? '', /and \d+ characters more/);
  });

  it('never cuts a character in two', async () => {
    const long = '😀'.repeat(4_000);
    const { entity } = scene({
      handlers: { 'console.read': async () => ({ guest: 'venti', from: 0, next: 1, missed: 0, text: `a${long}` }) },
    });
    entity.hears(say('console read venti'));
    assert.equal((await entity.says(2)).join(''), `a${long}`);
  });

  it('tells a job’s milestones, not too often, and its end to wherever the person is', async () => {
    const { entity, jobs, finish, clock } = scene();
    entity.hears(say('shutdown venti'));
    await entity.says();
    const job = jobs.get('1');
    assert.ok(job);
    finish.ends(job);
    finish.ends({ ...job, progress: 'asked' });
    clock.now += 11_000;
    finish.ends({ ...job, progress: 'waiting' });
    finish.ends({ ...job, progress: 'waiting still' });
    finish.ends({ ...job, state: 'failed', progress: 'it did not stop' });
    const said = (await entity.says(3)).slice(1);
    assert.deepEqual(said, [
      'job 1 · guest.shutdown venti · running · waiting',
      'job 1 · guest.shutdown venti · failed · it did not stop',
    ]);
    assert.deepEqual(
      entity.sent.slice(1).map((message) => message.attrs.to),
      ['op@skerry.test', 'op@skerry.test'],
    );
  });

  it('leaves faults to be looked for, and answers nothing that it does not know', async () => {
    const { entity } = scene({
      handlers: {
        'guest.info': async () => {
          throw new TypeError('a secret of the program');
        },
      },
    });
    entity.hears(say('guest info venti'));
    assert.match((await entity.says())[0] ?? '', /A fault of the program, logged as/);
    assert.equal(entity.bugs.length, 1);
  });
});
