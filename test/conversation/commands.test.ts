import assert from 'node:assert/strict';
import { Failure } from '#shared/errors.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { guestOf } from '#test/unit/support/guest.ts';
import { scene } from './scene.ts';
import { command, failsWith, fieldOf, formOf, iq, COMMANDS as NS, submit, valueIn } from './stanzas.ts';

const OP = 'op@skerry.test/gajim';
const ADMIN = 'admin@skerry.test/x';
const VIEWER = 'viewer@skerry.test/x';

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

  it('never does what comes late of an operation that central gave up for another one; people give up nothing so', async () => {
    const { entity, effects } = scene({ central: 'admin@skerry.test' });
    const asked = (who: string, verb: string, fields: Record<string, string>) =>
      entity.receives(iq(who, verb, 'action="execute"', submit({ guest: 'venti', confirm: '1', ...fields })));
    const own = { 'behalf-of': 'op@skerry.test' };
    await asked(ADMIN, 'guest.poweroff', { ...own, operation: 'stop', supersedes: 'start' });
    failsWith(await asked(ADMIN, 'guest.start', { ...own, operation: 'start' }), 'conflict', 'operation-superseded');
    assert.deepEqual(effects, ['poweroff venti']);
    await asked(OP, 'guest.poweroff', { operation: 'stop', supersedes: 'start' });
    await asked(OP, 'guest.start', { operation: 'start' });
    assert.deepEqual(effects, ['poweroff venti', 'poweroff venti', 'start venti']);
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
    assert.match(no.getChildText('note') ?? '', /^Nothing was done/);
    assert.deepEqual(effects, []);
    const yes = command(
      await entity.receives(iq(OP, 'guest.poweroff', `action="complete" ${at}`, submit({ confirm: '1' }))),
    );
    assert.equal(yes.attrs.status, 'completed');
    assert.deepEqual(effects, ['poweroff venti']);
  });

  it('says in the second form what it would do, and again after a no', async () => {
    const { entity } = scene({ questions: { 'guest.poweroff': ({ guest }) => `the end of ${guest}` } });
    const first = command(await entity.receives(iq(OP, 'guest.poweroff')));
    const at = `sessionid="${first.attrs.sessionid}"`;
    for (const form of [submit({ guest: 'venti' }), submit({ confirm: '0' })]) {
      const asked = await entity.receives(iq(OP, 'guest.poweroff', `action="next" ${at}`, form));
      assert.equal(
        fieldOf(formOf(asked), 'confirm')?.attrs.label,
        'the end of venti may lose work or data. Are you sure?',
      );
    }
  });

  it('keeps the form where what would be asked is refused', async () => {
    const problem = 'it selects no guest';
    const refusing = (): never => {
      throw new Failure('bad-argument', { field: 'guest', problem });
    };
    const { entity, effects } = scene({ questions: { 'guest.poweroff': refusing } });
    const first = command(await entity.receives(iq(OP, 'guest.poweroff')));
    const at = `sessionid="${first.attrs.sessionid}"`;
    const again = await entity.receives(iq(OP, 'guest.poweroff', `action="next" ${at}`, submit({ guest: 'venti' })));
    assert.match(command(again).getChildText('note') ?? '', new RegExp(problem));
    assert.ok(fieldOf(formOf(again), 'guest'));
    assert.deepEqual(effects, []);
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
        .filter(([id, row]) => row.risk === 'read' && id !== 'host.probe' && id !== 'audit.list')
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
    assert.deepEqual(
      audit.map(({ verb, requester, outcome }) => [verb, requester.fullJid, outcome]),
      [['guest.start', VIEWER, 'not-permitted']],
      'who is refused the form stands in the trail',
    );
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

  it('ends a session whose command failed', async () => {
    const { entity, sessions } = scene();
    const asked = command(await entity.receives(iq(OP, 'guest.start')));
    const at = `sessionid="${asked.attrs.sessionid}"`;
    const form = submit({ guest: 'nobody' });
    failsWith(await entity.receives(iq(OP, 'guest.start', at, form)), 'item-not-found', 'guest-not-found', 'cancel');
    assert.equal(sessions.size, 0);
    failsWith(await entity.receives(iq(OP, 'guest.start', at, form)), 'not-allowed', 'session-expired');
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

  it('carries a submit that comes again while it runs out once, and answers both alike', async () => {
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    const { entity, calls, sessions } = scene({
      handlers: {
        'guest.start': async () => {
          await held;
          return guestOf('venti');
        },
      },
    });
    const asked = await entity.receives(iq(OP, 'guest.start'));
    const at = `sessionid="${command(asked).attrs.sessionid}"`;
    const form = submit({ operation: valueIn(formOf(asked), 'operation') ?? '', guest: 'venti' });
    const both = [1, 2].map(() => entity.receives(iq(OP, 'guest.start', at, form)));
    for (const other of [
      iq(OP, 'guest.start', `action="cancel" ${at}`),
      iq(OP, 'guest.start', at, submit({ guest: 'x' })),
    ])
      failsWith(await entity.receives(other), 'conflict', 'operation-running', 'wait');
    release();
    const [first, second] = (await Promise.all(both)).map((reply) => String(command(reply)));
    assert.equal(first, second);
    assert.match(first ?? '', /status="completed"/);
    assert.equal(calls.length, 1);
    assert.equal(sessions.size, 0);
    failsWith(await entity.receives(iq(OP, 'guest.start', at, form)), 'not-allowed', 'session-expired', 'cancel');
    assert.equal(calls.length, 1, 'a replay of what has ended does nothing');
  });

  it('gives each form an operation id of its own, and a program its own choice', async () => {
    const { entity, calls } = scene();
    const ids = new Set<string | undefined>();
    for (const _ of [1, 2]) ids.add(valueIn(formOf(await entity.receives(iq(OP, 'guest.start'))), 'operation'));
    assert.equal(ids.size, 2);
    await entity.receives(iq(OP, 'guest.start', '', submit({ guest: 'venti', operation: 'mine' })));
    const asked = await entity.receives(iq(OP, 'guest.start'));
    const at = `sessionid="${command(asked).attrs.sessionid}"`;
    const operation = valueIn(formOf(asked), 'operation') ?? '';
    await entity.receives(iq(OP, 'guest.start', at, submit({ guest: 'fossil', operation })));
    assert.deepEqual(
      calls.map(({ call }) => call.operation),
      ['mine', operation],
    );
  });

  it('takes another operation id when arguments are mended that the journal has seen', async () => {
    const wrong = { count: 0 };
    const { entity } = scene({
      handlers: {
        'guest.define': async () => {
          if (wrong.count++ === 0) throw new Failure('guest-definition', { problem: 'no such disk' });
          return guestOf('web1');
        },
      },
    });
    const asked = await entity.receives(iq(ADMIN, 'guest.define'));
    const at = `sessionid="${command(asked).attrs.sessionid}"`;
    const operation = valueIn(formOf(asked), 'operation') ?? '';
    const again = await entity.receives(
      iq(ADMIN, 'guest.define', at, submit({ operation, name: 'web1', disk: ['/a', '/b'], replace: '1' })),
    );
    assert.equal(command(again).getChild('note')?.attrs.type, 'error');
    assert.match(command(again).getChildText('note') ?? '', /no such disk/);
    const x = formOf(again);
    assert.deepEqual(
      fieldOf(x, 'disk')
        ?.getChildren('value')
        .map((each) => each.text()),
      ['/a', '/b'],
    );
    assert.equal(valueIn(x, 'replace'), '1');
    const fresh = valueIn(x, 'operation') ?? '';
    assert.notEqual(fresh, operation);
    const done = await entity.receives(iq(ADMIN, 'guest.define', at, submit({ operation: fresh, name: 'web1' })));
    assert.equal(command(done).attrs.status, 'completed');
  });

  it('tells a program which argument is missing or wrong', async () => {
    const { entity, calls } = scene();
    const reply = await entity.receives(iq(OP, 'guest.start', '', submit({ paused: '1' })));
    failsWith(reply, 'bad-request', 'bad-argument', 'modify');
    const { field, problem } = reply.getChild('error')?.getChild('bad-argument')?.attrs ?? {};
    assert.deepEqual([field, problem], ['guest', 'is missing']);
    assert.deepEqual(calls, []);
  });

  it('carries a verb without arguments out at once', async () => {
    const { entity, calls, sessions } = scene({ handlers: { 'console.list': async () => [] } });
    const done = command(await entity.receives(iq(VIEWER, 'console.list', 'action="execute"')));
    assert.equal(done.attrs.status, 'completed');
    assert.ok(done.attrs.sessionid);
    assert.equal(calls.length, 1);
    assert.equal(sessions.size, 0);
  });

  it('asks about the right guest before it may lose work, and says no to what is wrong first', async () => {
    const { entity, calls } = scene();
    const first = command(await entity.receives(iq(OP, 'guest.poweroff')));
    const at = `sessionid="${first.attrs.sessionid}"`;
    const wrong = command(
      await entity.receives(iq(OP, 'guest.poweroff', `action="next" ${at}`, submit({ guest: '' }))),
    );
    assert.equal(wrong.getChild('note')?.attrs.type, 'error');
    const second = await entity.receives(iq(OP, 'guest.poweroff', `action="next" ${at}`, submit({ guest: 'fossil' })));
    const confirm = fieldOf(formOf(second), 'confirm');
    assert.match(confirm?.attrs.label ?? '', /fossil/);
    assert.deepEqual([confirm?.attrs.type, confirm?.getChildText('value')], ['boolean', '0']);
    const actions = command(second).getChild('actions');
    assert.equal(actions?.attrs.execute, 'complete');
    assert.deepEqual(
      actions?.getChildElements().map((each) => each.name),
      ['prev', 'complete'],
    );
    assert.deepEqual(calls, []);
  });

  it('refuses to go on for whoever lost the permission meanwhile, and writes it down', async () => {
    const { entity, calls, audit } = scene();
    const half = 'half@skerry.test/x';
    const asked = await entity.receives(iq(half, 'guest.start'));
    assert.deepEqual(
      fieldOf(formOf(asked), 'guest')
        ?.getChildren('option')
        .map((each) => each.getChildText('value')),
      ['venti'],
      'only what it may be used on is offered',
    );
    const at = `sessionid="${command(asked).attrs.sessionid}"`;
    failsWith(
      await entity.receives(iq(half, 'guest.start', at, submit({ guest: 'fossil' }))),
      'forbidden',
      'not-permitted',
      'auth',
    );
    failsWith(
      await entity.receives(iq(VIEWER, 'guest.start', '', submit({ guest: 'venti' }))),
      'forbidden',
      'not-permitted',
      'auth',
    );
    assert.deepEqual(calls, []);
    assert.equal(audit.filter((record) => record.outcome === 'not-permitted').length, 2);
  });

  it('does not have what the driver cannot do', async () => {
    const { entity, calls } = scene({ lacks: ['guest.stats'] });
    const form = submit({ guest: 'venti' });
    failsWith(await entity.receives(iq(ADMIN, 'guest.stats', '', form)), 'feature-not-implemented', 'verb-unsupported');
    assert.deepEqual(calls, []);
  });

  it('reads the form as XEP-0004 has it, and says what is wrong with any other', async () => {
    const { entity, calls } = scene();
    const guest = '<field var="guest"><value>venti</value></field>';
    const x = (inner: string, type = 'submit'): string => `<x xmlns="jabber:x:data" type="${type}">${inner}</x>`;
    const wrong: [string, RegExp][] = [
      [x(guest, 'form'), /of type “form”/],
      [x(`${guest}${guest}`), /“guest” is there twice/],
      [x('<field><value>venti</value></field>'), /no var/],
      [x('<field var="guest"><value><b/>venti</value></field>'), /“guest” is not text/],
      [x(`${guest}${'<field var="a"/>'.repeat(1)}${x(guest)}`) + x(guest), /more than one form/],
      [x(Array.from({ length: 201 }, (_, n) => `<field var="f${n}"/>`).join('')), /201 fields; 200 are/],
      [x(`<field var="guest">${'<value/>'.repeat(10_001)}</field>`), /10001 values; 10000 are/],
      [x(`<field var="guest"><value>${'v'.repeat(400_001)}</value></field>`), /more than 400000 characters/],
      [x(`<field var="${'n'.repeat(300)}"/>`), /“n{40}” of a field is too long/],
      [x(`<field var="FORM_TYPE"><value>urn:skerry:verb:1#guest.delete</value></field>${guest}`), /FORM_TYPE is/],
    ];
    for (const [form, problem] of wrong) {
      const reply = await entity.receives(iq(OP, 'guest.start', '', form));
      failsWith(reply, 'bad-request', 'bad-payload', 'modify');
      assert.match(reply.getChild('error')?.getChildText('text') ?? '', problem);
      assert.ok(reply.getChild('error')?.getChild('bad-payload', NS));
    }
    assert.deepEqual(calls, []);
    const right = x(`<field type="fixed"><value>A heading</value></field>${guest}`);
    assert.equal(command(await entity.receives(iq(OP, 'guest.start', '', right))).attrs.status, 'completed');
  });

  it('answers in English, whatever language is asked for, and refuses what is none', async () => {
    const { entity } = scene();
    const asked = command(await entity.receives(iq(OP, 'guest.start', 'xml:lang="de-AT"')));
    assert.equal(asked.attrs['xml:lang'], 'en');
    failsWith(await entity.receives(iq(OP, 'guest.start', 'xml:lang="?!"')), 'bad-request', 'bad-locale', 'modify');
  });

  it('ends a session that was left for ten minutes, and not one that is used', async () => {
    const { entity, clock, sessions } = scene();
    const begun = async (): Promise<string> =>
      `sessionid="${command(await entity.receives(iq(OP, 'guest.start'))).attrs.sessionid}"`;
    const [used, left] = [await begun(), await begun()];
    for (let minute = 0; minute < 12; minute += 4) {
      clock.now += 240_000;
      const again = await entity.receives(iq(OP, 'guest.start', used, submit({ paused: '1' })));
      assert.equal(command(again).attrs.status, 'executing');
    }
    failsWith(
      await entity.receives(iq(OP, 'guest.start', left, submit({ guest: 'venti' }))),
      'not-allowed',
      'session-expired',
    );
    assert.equal(sessions.size, 1);
  });

  it('lets one account push out its own forms only, from wherever it asks', async () => {
    const { entity, sessions } = scene();
    const mine = command(await entity.receives(iq(ADMIN, 'guest.start')));
    for (let n = 0; n < 100; n++) await entity.receives(iq(`op@skerry.test/r${n}`, 'guest.start'));
    assert.equal(sessions.size, 21);
    const at = `sessionid="${mine.attrs.sessionid}"`;
    const done = command(await entity.receives(iq(ADMIN, 'guest.start', at, submit({ guest: 'venti' }))));
    assert.equal(done.attrs.status, 'completed');
  });
});
