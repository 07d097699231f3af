import assert from 'node:assert/strict';
import xml, { type Element } from '@xmpp/xml';
import { Guest } from '#shared/model/guest.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { runVerb } from '#shared/xmpp/commands-client.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { guestOf } from '#test/unit/support/guest.ts';
import { scene } from './scene.ts';
import { command, failsWith, fieldOf, formOf, HOST, iq, submit, valueIn } from './stanzas.ts';

const OP = 'op@skerry.test/gajim';
/** What a stock ejabberd takes in one stanza. */
const STANZA_BYTES_MAX = 262_144;

const named = (count: number): string[] => Array.from({ length: count }, (_, n) => `guest-${n}`);
const list = (x: Element): (string | undefined)[] => x.getChildren('item').map((item) => valueIn(item, 'name'));

describe('results as forms (XEP-0004)', () => {
  it('show one record as fields, with labels, units and types', async () => {
    const { entity } = scene();
    const reply = await entity.receives(iq(OP, 'guest.info', '', submit({ guest: 'venti' })));
    const x = formOf(reply);
    assert.equal(x.attrs.type, 'result');
    assert.equal(valueIn(x, 'FORM_TYPE'), 'urn:skerry:verb:1#guest.info');
    const memory = fieldOf(x, 'memoryMiB');
    assert.deepEqual([memory?.attrs.label, memory?.getChildText('value')], ['Memory, MiB', '96']);
    assert.deepEqual([fieldOf(x, 'autostart')?.attrs.type, valueIn(x, 'autostart')], ['boolean', '0']);
    assert.equal(fieldOf(x, 'addresses')?.attrs.type, 'text-multi');
    assert.equal(fieldOf(x, 'title'), undefined, 'what is not known is not there');
    const note = command(reply).getChild('note');
    assert.deepEqual([note?.attrs.type, note?.text()], ['info', 'venti · shutoff · 1 vCPU · 96 MiB']);
  });

  it('show a table with the columns of the row first, and in words what some clients do not show', async () => {
    const { entity } = scene({ guests: named(25) });
    const reply = await entity.receives(iq(OP, 'guest.list', '', submit({})));
    const columns = formOf(reply)
      .getChild('reported')
      ?.getChildren('field')
      .map((each) => each.attrs.var);
    assert.deepEqual(columns?.slice(0, 5), ['name', 'state', 'host', 'driver', 'vcpus']);
    assert.deepEqual([...(columns ?? [])].toSorted(), Object.keys(Guest.shape).toSorted());
    for (const item of formOf(reply).getChildren('item'))
      assert.deepEqual(
        item.getChildren('field').map((each) => each.attrs.var),
        columns,
      );
    const lines = command(reply).getChildText('note')?.split('\n') ?? [];
    assert.equal(lines.length, 21);
    assert.match(lines[20] ?? '', /^… and 5 more/);
  });

  it('say so when there is nothing', async () => {
    const { entity } = scene({ guests: [] });
    const reply = await entity.receives(iq(OP, 'guest.list', '', submit({})));
    assert.equal(command(reply).getChildText('note'), 'No guests.');
    assert.deepEqual(list(formOf(reply)), []);
    assert.ok(formOf(reply).getChild('reported'));
  });

  // Short names, and names that take most on the wire: what is escaped, and what takes more bytes than characters.
  for (const tail of ['', '&'.repeat(80), 'ж'.repeat(120)])
    it(`give a thousand guests in parts that any server takes, and nothing twice, named ${tail.slice(0, 1) || 'plainly'}`, async () => {
      const guests = named(1000).map((name) => name + tail);
      const { entity } = scene({ guests });
      const got: (string | undefined)[] = [];
      let parts = 0;
      for (let next: string | undefined = '0'; next !== undefined; parts++) {
        const reply = await entity.receives(iq(OP, 'guest.list', '', submit({ skip: next })));
        const bytes = Buffer.byteLength(String(reply));
        assert.ok(bytes < STANZA_BYTES_MAX, `${bytes} bytes`);
        const x = formOf(reply);
        got.push(...list(x));
        next = valueIn(x, 'next');
        if (next === undefined) break;
        assert.equal(fieldOf(x, 'next')?.attrs.type, 'hidden');
        assert.match(command(reply).getChildText('note') ?? '', new RegExp(`\\d+ to ${got.length} of 1000`));
      }
      assert.deepEqual(got, guests);
      assert.ok(parts > 1 && parts < 10, `${parts} parts`);
    });

  it('are given whole to a program of ours', async () => {
    const guests = named(1000);
    const { entity } = scene({ guests });
    const romeo: Pick<Entity, 'request'> = {
      request: ({ child, type }) => entity.receives(xml('iq', { type, from: OP, to: HOST, id: 'r' }, child)),
    };
    const { value } = await runVerb(romeo, HOST, 'guest.list', agentVerbs['guest.list'], {});
    assert.deepEqual(
      (value as Guest[]).map((guest) => guest.name),
      guests,
    );
    assert.deepEqual((value as Guest[])[0], guestOf('guest-0'));
  });

  it('take a skip for tables only, and only a number', async () => {
    const { entity, calls } = scene();
    for (const wrong of ['-1', 'x', '1e3', '', '99999999'])
      failsWith(
        await entity.receives(iq(OP, 'guest.list', '', submit({ skip: wrong }))),
        'bad-request',
        'bad-argument',
      );
    failsWith(
      await entity.receives(iq(OP, 'guest.info', '', submit({ guest: 'venti', skip: '0' }))),
      'bad-request',
      'bad-argument',
    );
    assert.deepEqual(calls, []);
    assert.deepEqual(list(formOf(await entity.receives(iq(OP, 'guest.list', '', submit({ skip: '5' }))))), []);
  });

  it('bound the note, whatever a guest wrote', async () => {
    const { entity } = scene({
      handlers: {
        'guest.definition': async () => ({ name: 'venti', definition: `${'<a attr="😀"/>\n'.repeat(5_000)}` }),
      },
    });
    const reply = await entity.receives(iq(OP, 'guest.definition', '', submit({ guest: 'venti' })));
    assert.ok((command(reply).getChildText('note')?.length ?? 0) <= 4_001);
    assert.equal(fieldOf(formOf(reply), 'definition')?.getChildren('value').length, 5_001);
  });

  it('tell of a job at once, as its record', async () => {
    const { entity } = scene();
    const reply = await entity.receives(iq(OP, 'guest.shutdown', '', submit({ guest: 'venti' })));
    assert.equal(command(reply).attrs.status, 'completed');
    assert.deepEqual([valueIn(formOf(reply), 'id'), valueIn(formOf(reply), 'state')], ['1', 'running']);
    assert.match(command(reply).getChildText('note') ?? '', /^job 1 · guest.shutdown venti · running/);
  });

  it('can be written on the wire, whatever characters are in them', async () => {
    const { entity, guests } = scene();
    guests.set('venti', { ...guestOf('venti'), title: 'a\u0000b\u001b\ud800\uffff' });
    const reply = await entity.receives(iq(OP, 'guest.info', '', submit({ guest: 'venti' })));
    assert.equal(valueIn(formOf(reply), 'title'), 'a\ufffdb\ufffd\ufffd\ufffd');
  });
});
