import assert from 'node:assert/strict';
import type { Element } from '@xmpp/xml';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { scene } from './scene.ts';

const NS = 'http://jabber.org/protocol/commands';
const OP = 'op@skerry.test/gajim';
const VIEWER = 'viewer@skerry.test/x';

const field = (name: string, value: string): string => `<field var="${name}"><value>${value}</value></field>`;
const submit = (fields: Record<string, string>): string =>
  `<x xmlns="jabber:x:data" type="submit">${Object.entries(fields)
    .map(([name, value]) => field(name, value))
    .join('')}</x>`;
const iq = (from: string, verb: string, attributes = '', inner = ''): string =>
  `<iq type="set" id="1" from="${from}" to="host1@skerry.test/agent"><command xmlns="${NS}" node="urn:skerry:verb:1#${verb}" ${attributes}>${inner}</command></iq>`;
const command = (reply: Element): Element => {
  const found = reply.getChild('command', NS);
  assert.ok(found, `no command in ${reply}`);
  return found;
};
const failsWith = (reply: Element, condition: string, own: string): void => {
  assert.equal(reply.attrs.type, 'error', String(reply));
  const error = reply.getChild('error');
  assert.ok(error?.getChild(condition, 'urn:ietf:params:xml:ns:xmpp-stanzas'), `${condition} was due: ${reply}`);
  assert.ok(error?.getChild(own, 'urn:skerry:failure:1'), `${own} was due: ${reply}`);
};

describe('ad-hoc commands (XEP-0050)', () => {
  it('asks with a form, and does it when the form comes back', async () => {
    const { entity, effects } = scene();
    const asked = command(await entity.receives(iq(OP, 'guest.start', 'action="execute"')));
    assert.equal(asked.attrs.status, 'executing');
    assert.equal(asked.getChild('actions')?.attrs.execute, 'complete');
    const guest = asked
      .getChild('x', 'jabber:x:data')
      ?.getChildren('field')
      .find((each) => each.attrs.var === 'guest');
    assert.deepEqual(
      guest?.getChildren('option').map((each) => each.getChildText('value')),
      ['fossil', 'venti'],
    );
    const done = command(
      await entity.receives(
        iq(OP, 'guest.start', `action="complete" sessionid="${asked.attrs.sessionid}"`, submit({ guest: 'venti' })),
      ),
    );
    assert.equal(done.attrs.status, 'completed');
    assert.match(done.getChildText('note') ?? '', /venti · running/);
    assert.deepEqual(effects, ['start venti']);
  });

  it('takes a submit without an action, as Profanity sends it', async () => {
    const { entity, effects } = scene();
    const asked = command(await entity.receives(iq(OP, 'guest.start')));
    await entity.receives(iq(OP, 'guest.start', `sessionid="${asked.attrs.sessionid}"`, submit({ guest: 'venti' })));
    assert.deepEqual(effects, ['start venti']);
  });

  it('is done in one round trip when a program sends its form at once', async () => {
    const { entity, effects, sessions } = scene();
    const done = command(
      await entity.receives(iq(OP, 'guest.start', 'action="execute"', submit({ guest: 'venti', operation: 'a' }))),
    );
    assert.equal(done.attrs.status, 'completed');
    const again = command(
      await entity.receives(iq(OP, 'guest.start', 'action="execute"', submit({ guest: 'venti', operation: 'a' }))),
    );
    assert.equal(again.attrs.status, 'completed');
    assert.deepEqual(effects, ['start venti'], 'the same operation id has one effect');
    assert.equal(sessions.size, 0);
  });

  it('refuses an operation id that was used for something else', async () => {
    const { entity, effects } = scene();
    await entity.receives(iq(OP, 'guest.start', 'action="execute"', submit({ guest: 'venti', operation: 'a' })));
    failsWith(
      await entity.receives(iq(OP, 'guest.start', 'action="execute"', submit({ guest: 'fossil', operation: 'a' }))),
      'conflict',
      'operation-mismatch',
    );
    assert.deepEqual(effects, ['start venti']);
  });

  it('asks a second time before what may lose work', async () => {
    const { entity, effects } = scene();
    const first = command(await entity.receives(iq(OP, 'guest.poweroff')));
    assert.equal(first.getChild('actions')?.attrs.execute, 'next');
    const at = `sessionid="${first.attrs.sessionid}"`;
    const second = command(
      await entity.receives(iq(OP, 'guest.poweroff', `action="next" ${at}`, submit({ guest: 'venti' }))),
    );
    assert.equal(second.getChild('note')?.attrs.type, 'warn');
    const no = command(
      await entity.receives(iq(OP, 'guest.poweroff', `action="complete" ${at}`, submit({ confirm: '0' }))),
    );
    assert.equal(no.attrs.status, 'executing');
    assert.deepEqual(effects, []);
    const yes = command(
      await entity.receives(iq(OP, 'guest.poweroff', `action="complete" ${at}`, submit({ confirm: '1' }))),
    );
    assert.equal(yes.attrs.status, 'completed');
    assert.deepEqual(effects, ['poweroff venti']);
  });

  it('refuses what may lose work where a program did not confirm it', async () => {
    const { entity, effects } = scene();
    failsWith(
      await entity.receives(iq(OP, 'guest.poweroff', '', submit({ guest: 'venti' }))),
      'not-acceptable',
      'confirmation-required',
    );
    await entity.receives(iq(OP, 'guest.poweroff', '', submit({ guest: 'venti', confirm: '1' })));
    assert.deepEqual(effects, ['poweroff venti']);
  });

  it('goes back, and cancels', async () => {
    const { entity, effects } = scene();
    const first = command(await entity.receives(iq(OP, 'guest.poweroff')));
    const at = `sessionid="${first.attrs.sessionid}"`;
    failsWith(await entity.receives(iq(OP, 'guest.poweroff', `action="prev" ${at}`)), 'bad-request', 'bad-action');
    await entity.receives(iq(OP, 'guest.poweroff', `action="next" ${at}`, submit({ guest: 'fossil' })));
    const back = command(await entity.receives(iq(OP, 'guest.poweroff', `action="prev" ${at}`)));
    const guest = back
      .getChild('x', 'jabber:x:data')
      ?.getChildren('field')
      .find((each) => each.attrs.var === 'guest');
    assert.equal(guest?.getChildText('value'), 'fossil', 'what was filled in is kept');
    assert.equal(
      command(await entity.receives(iq(OP, 'guest.poweroff', `action="cancel" ${at}`))).attrs.status,
      'canceled',
    );
    failsWith(
      await entity.receives(iq(OP, 'guest.poweroff', `action="next" ${at}`, submit({ guest: 'fossil' }))),
      'not-allowed',
      'session-expired',
    );
    assert.deepEqual(effects, []);
  });

  it('lists and describes what the requester may use, and nothing else', async () => {
    const { entity } = scene();
    const items = async (from: string): Promise<string[]> => {
      const reply = await entity.receives(
        `<iq type="get" id="1" from="${from}"><query xmlns="http://jabber.org/protocol/disco#items" node="${NS}"/></iq>`,
      );
      return (
        reply
          .getChild('query')
          ?.getChildren('item')
          .map((item) => item.attrs.node?.split('#')[1] ?? '') ?? []
      );
    };
    assert.deepEqual(await items('admin@skerry.test/x'), Object.keys(agentVerbs));
    assert.deepEqual(
      await items(VIEWER),
      Object.entries(agentVerbs)
        .filter(([, row]) => row.risk === 'read')
        .map(([id]) => id),
    );
    assert.deepEqual(await items('stranger@elsewhere.test/x'), []);
    const info = await entity.receives(
      `<iq type="get" id="1" from="${OP}"><query xmlns="http://jabber.org/protocol/disco#info" node="urn:skerry:verb:1#guest.start"/></iq>`,
    );
    const identity = info.getChild('query')?.getChild('identity');
    assert.deepEqual([identity?.attrs.category, identity?.attrs.type], ['automation', 'command-node']);
  });

  it('refuses what one may not do, on all guests or on this one', async () => {
    const { entity, effects, audit } = scene();
    failsWith(await entity.receives(iq(VIEWER, 'guest.start')), 'forbidden', 'not-permitted');
    failsWith(
      await entity.receives(iq('half@skerry.test/x', 'guest.start', '', submit({ guest: 'fossil' }))),
      'forbidden',
      'not-permitted',
    );
    await entity.receives(iq('half@skerry.test/x', 'guest.start', '', submit({ guest: 'venti' })));
    assert.deepEqual(effects, ['start venti']);
    assert.ok(
      audit.some((record) => record.outcome === 'not-permitted'),
      'refusals are in the trail',
    );
  });

  it('keeps what was filled in when an argument is wrong', async () => {
    const { entity, effects } = scene();
    const asked = command(await entity.receives(iq(OP, 'guest.start')));
    const at = `sessionid="${asked.attrs.sessionid}"`;
    const again = command(
      await entity.receives(iq(OP, 'guest.start', at, submit({ guest: 'venti', paused: 'maybe' }))),
    );
    assert.equal(again.attrs.status, 'executing');
    assert.match(again.getChildText('note') ?? '', /paused: “maybe” is neither yes nor no/);
    const guest = again
      .getChild('x', 'jabber:x:data')
      ?.getChildren('field')
      .find((each) => each.attrs.var === 'guest');
    assert.equal(guest?.getChildText('value'), 'venti');
    await entity.receives(iq(OP, 'guest.start', at, submit({ guest: 'venti', paused: '0' })));
    assert.deepEqual(effects, ['start venti']);
  });

  it('has the error conditions of section 4.4', async () => {
    const { entity, clock } = scene();
    const asked = command(await entity.receives(iq(OP, 'guest.start')));
    const at = `sessionid="${asked.attrs.sessionid}"`;
    failsWith(await entity.receives(iq(OP, 'guest.start', 'action="destroy"')), 'bad-request', 'malformed-action');
    for (const action of ['prev', 'next', 'cancel'])
      failsWith(await entity.receives(iq(OP, 'guest.start', `action="${action}"`)), 'bad-request', 'bad-action');
    failsWith(
      await entity.receives(iq(OP, 'guest.start', 'sessionid="nobodys"', submit({ guest: 'venti' }))),
      'bad-request',
      'bad-sessionid',
    );
    failsWith(
      await entity.receives(iq('admin@skerry.test/x', 'guest.start', at, submit({ guest: 'venti' }))),
      'bad-request',
      'bad-sessionid',
    );
    failsWith(
      await entity.receives(iq('op@skerry.test/other', 'guest.start', at, submit({ guest: 'venti' }))),
      'bad-request',
      'bad-sessionid',
    );
    failsWith(
      await entity.receives(iq(OP, 'guest.reboot', at, submit({ guest: 'venti' }))),
      'bad-request',
      'bad-sessionid',
    );
    failsWith(
      await entity.receives(iq(OP, 'guest.start', at, '<x xmlns="jabber:x:data" type="form"/>')),
      'bad-request',
      'bad-payload',
    );
    const reply = await entity.receives(iq(OP, 'guest.start', 'action="destroy"'));
    assert.ok(
      reply.getChild('error')?.getChild('malformed-action', NS),
      'the condition stands in its own namespace too',
    );
    clock.now += 601_000;
    failsWith(
      await entity.receives(iq(OP, 'guest.start', at, submit({ guest: 'venti' }))),
      'not-allowed',
      'session-expired',
    );
  });

  it('says item-not-found for an unknown verb or guest, conflict for a wrong state', async () => {
    const { entity } = scene();
    failsWith(await entity.receives(iq(OP, 'guest.constructor')), 'item-not-found', 'verb-unknown');
    failsWith(
      await entity.receives(iq(OP, 'guest.start', '', submit({ guest: 'nobody' }))),
      'item-not-found',
      'guest-not-found',
    );
    await entity.receives(iq(OP, 'guest.start', '', submit({ guest: 'venti' })));
    failsWith(
      await entity.receives(iq(OP, 'guest.start', '', submit({ guest: 'venti' }))),
      'conflict',
      'guest-wrong-state',
    );
  });

  it('answers a table, and a job at once', async () => {
    const { entity } = scene();
    const list = command(await entity.receives(iq(VIEWER, 'guest.list', '', submit({}))));
    const x = list.getChild('x', 'jabber:x:data');
    assert.deepEqual(
      x?.getChildren('item').map((item) =>
        item
          .getChildren('field')
          .find((each) => each.attrs.var === 'name')
          ?.getChildText('value'),
      ),
      ['venti', 'fossil'],
    );
    const job = command(await entity.receives(iq(OP, 'guest.shutdown', '', submit({ guest: 'venti' }))));
    assert.match(job.getChildText('note') ?? '', /job 1 · guest.shutdown venti · running/);
  });

  it('bounds the forms that one account keeps open', async () => {
    const { entity, sessions } = scene();
    for (let n = 0; n < 100; n++) await entity.receives(iq(OP, 'guest.start'));
    assert.equal(sessions.size, 20);
  });
});
