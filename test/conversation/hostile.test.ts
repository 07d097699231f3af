import assert from 'node:assert/strict';
import fc from 'fast-check';
import { argFields } from '#shared/verb/fields.ts';
import {
  anyCommand,
  conditionOf,
  EVERYBODY,
  element,
  POWERLESS,
  RUNS,
  rightFor,
  rowFor,
  type Seen,
  tree,
  VERBS,
  word,
  wrongFor,
} from './hostile.ts';
import { parse } from './peer.ts';
import { scene } from './scene.ts';
import { command, HOST, iq, submit } from './stanzas.ts';

const OP = 'op@skerry.test/gajim';
const ADMIN = 'admin@skerry.test/x';

/** What must hold after whatever came. */
function unharmed({ entity, calls, sessions }: ReturnType<typeof scene>): void {
  assert.deepEqual(entity.bugs, []);
  assert.ok(sessions.size <= 20 * EVERYBODY.length);
  for (const { verb, args, call } of calls) {
    assert.ok(rowFor(verb).args.safeParse(args).success, `${verb} got ${JSON.stringify(args)}`);
    const mayChange = !POWERLESS.includes(call.requester.fullJid);
    assert.ok(mayChange || rowFor(verb).risk === 'read', `${call.requester.fullJid} did ${verb}`);
  }
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
}

describe(`hostile stanzas, ${RUNS} of each kind`, function () {
  this.timeout(60_000 + RUNS * 60);

  it('get a proper answer each, and have no effect that the sender may not have', async () => {
    const all = scene();
    const seen: Seen[] = [];
    const answers = new Set<string>();
    await fc.assert(
      fc.asyncProperty(anyCommand, async (textGiven) => {
        const text = textGiven(seen);
        const reply = await all.entity.receives(text);
        const condition = conditionOf(reply);
        const { sessionid = '', node = '', status } = reply.getChild('command')?.attrs ?? {};
        if (status === 'executing') seen.push({ sessionid, node, from: reply.attrs.to ?? '' });
        answers.add(condition ?? status ?? 'nothing');
      }),
      { numRuns: RUNS * 2 },
    );
    unharmed(all);
    // Else the stanzas would be too wild to get anywhere.
    for (const due of ['executing', 'canceled', 'forbidden', 'not-allowed', 'bad-request', 'item-not-found'])
      assert.ok(RUNS < 500 || answers.has(due), `${due} is not among ${[...answers].join(', ')}`);
  });

  it('of random trees in place of a form have no effect', async () => {
    const all = scene();
    const inForm = fc.tuple(fc.constantFrom(...VERBS), fc.array(tree, { maxLength: 4 }));
    await fc.assert(
      fc.asyncProperty(inForm, async ([verb, children]) => {
        const x = element('x', { xmlns: 'jabber:x:data', type: 'submit' }, children);
        conditionOf(await all.entity.receives(iq(ADMIN, verb, 'action="execute"', x)));
      }),
      { numRuns: RUNS },
    );
    unharmed(all);
    assert.deepEqual(
      all.calls.filter(({ verb }) => rowFor(verb).risk === 'destroy'),
      [],
    );
  });

  for (const verb of VERBS.filter((each) => argFields(rowFor(each)).length > 0)) {
    it(`with a wrong value in any field of ${verb} are refused by the name of the field`, async () => {
      const all = scene();
      const fields = argFields(rowFor(verb));
      const wrong = fc.constantFrom(...fields).chain((field) => fc.tuple(fc.constant(field.name), wrongFor(field)));
      await fc.assert(
        fc.asyncProperty(wrong, async ([name, values]) => {
          const form = submit({ ...rightFor(verb), [name]: values, confirm: '1' });
          const reply = await all.entity.receives(iq(ADMIN, verb, '', form));
          assert.equal(conditionOf(reply), 'bad-request', `${name}: ${reply}`.slice(0, 600));
          assert.equal(reply.getChild('error')?.getChild('bad-argument')?.attrs.field, name);
        }),
        { numRuns: Math.ceil(RUNS / 10) },
      );
      assert.deepEqual(all.calls, []);
      unharmed(all);
    });

    it(`with fields that ${verb} does not have are refused`, async () => {
      const all = scene();
      const known = new Set([
        ...argFields(rowFor(verb)).map((field) => field.name),
        'confirm',
        'operation',
        'skip',
        '',
      ]);
      const other = word.filter((name) => !known.has(name) && name !== 'FORM_TYPE' && name.length <= 256);
      await fc.assert(
        fc.asyncProperty(other, word, async (name, value) => {
          const right = Object.entries({ ...rightFor(verb), confirm: '1' }).map(([key, text]) =>
            element('field', { var: key }, [element('value', {}, [text])]),
          );
          const extra = element('field', { var: name }, [submitValue(value)]);
          const x = element('x', { xmlns: 'jabber:x:data', type: 'submit' }, [...right, extra]);
          const reply = await all.entity.receives(iq(ADMIN, verb, '', x));
          assert.equal(conditionOf(reply), 'bad-request');
          assert.match(reply.getChild('error')?.getChild('bad-argument')?.attrs.problem ?? '', /no such argument/);
        }),
        { numRuns: Math.ceil(RUNS / 10) },
      );
      assert.deepEqual(all.calls, []);
      unharmed(all);
    });
  }

  it('never carry on the session of somebody else, of another verb, or one that has ended', async () => {
    const all = scene();
    const asked = command(await all.entity.receives(iq(OP, 'guest.poweroff')));
    await all.entity.receives(
      iq(OP, 'guest.poweroff', `sessionid="${asked.attrs.sessionid}"`, submit({ guest: 'venti' })),
    );
    const others = fc.record({
      from: fc
        .constantFrom(...EVERYBODY, 'op@skerry.test', 'op@skerry.test/Gajim', 'op@skerry.test/gajim/x')
        .filter((from) => from !== OP),
      verb: fc.constantFrom(...VERBS),
      action: fc.constantFrom('execute', 'next', 'prev', 'complete', 'cancel'),
    });
    await fc.assert(
      fc.asyncProperty(others, async ({ from, verb, action }) => {
        const at = `sessionid="${asked.attrs.sessionid}" action="${action}"`;
        const reply = await all.entity.receives(iq(from, verb, at, submit({ guest: 'venti', confirm: '1' })));
        assert.equal(conditionOf(reply), 'bad-request');
        assert.ok(reply.getChild('error')?.getChild('bad-sessionid'), String(reply));
      }),
      { numRuns: Math.ceil(RUNS / 4) },
    );
    assert.deepEqual(all.calls, []);
    const done = iq(OP, 'guest.poweroff', `sessionid="${asked.attrs.sessionid}"`, submit({ confirm: '1' }));
    assert.equal(command(await all.entity.receives(done)).attrs.status, 'completed');
    for (let again = 0; again < 20; again++) assert.equal(conditionOf(await all.entity.receives(done)), 'not-allowed');
    assert.equal(all.calls.length, 1);
    unharmed(all);
  });

  it('cannot lead a destroying verb around its second question', async () => {
    const all = scene();
    const step = fc.record({
      action: fc.constantFrom('execute', 'next', 'prev', 'complete', 'cancel', ''),
      fields: fc.constantFrom<Record<string, string>>(
        { guest: 'venti' },
        { guest: 'fossil', confirm: '0' },
        { confirm: '0' },
        { confirm: 'yes' },
        { confirm: '' },
        {},
        { guest: 'venti', confirm: 'TRUE' },
      ),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 8 }),
        fc.constantFrom('guest.poweroff', 'guest.delete'),
        async (steps, verb) => {
          const asked = command(await all.entity.receives(iq(ADMIN, verb)));
          for (const { action, fields } of steps) {
            const at = `sessionid="${asked.attrs.sessionid}"${action ? ` action="${action}"` : ''}`;
            conditionOf(await all.entity.receives(iq(ADMIN, verb, at, submit(fields))));
          }
        },
      ),
      { numRuns: Math.ceil(RUNS / 4) },
    );
    assert.deepEqual(all.calls, []);
    unharmed(all);
  });

  it('with entities of their own are not read at all', () => {
    const bomb = `<!DOCTYPE x [<!ENTITY a "${'a'.repeat(100)}">]>${iq(ADMIN, 'guest.start', '', submit({ guest: 'venti' }))}`;
    assert.throws(() => parse(bomb));
    assert.throws(() => parse(iq(ADMIN, 'guest.start', '', '<x xmlns="jabber:x:data">&a;</x>')));
  });

  it('do not make memory grow: what is kept of a session is bounded', async () => {
    const all = scene();
    const big = 'v'.repeat(300_000);
    for (let n = 0; n < 60; n++) {
      const asked = command(await all.entity.receives(iq(`op@skerry.test/${n}`, 'guest.start')));
      const at = `sessionid="${asked.attrs.sessionid}"`;
      const again = await all.entity.receives(iq(`op@skerry.test/${n}`, 'guest.start', at, submit({ guest: big })));
      assert.equal(command(again).attrs.status, 'executing');
    }
    assert.equal(all.sessions.size, 20);
    unharmed(all);
  });

  it('without a child, or with more, are refused before anything reads them', async () => {
    const all = scene();
    for (const inner of ['', '<a/><b/>', '<ping xmlns="urn:xmpp:ping"/>'.repeat(2)]) {
      const reply = await all.entity.receives(`<iq type="set" id="1" from="${OP}" to="${HOST}">${inner}</iq>`);
      assert.equal(conditionOf(reply), 'bad-request');
    }
  });
});

const submitValue = (value: string): string => element('value', {}, [value.replace(/[&<>]/g, '.')]);
