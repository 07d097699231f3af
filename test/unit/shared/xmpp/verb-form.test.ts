import assert from 'node:assert/strict';
import { z } from 'zod';
import { GuestRef } from '#shared/model/guest.ts';
import { readArguments } from '#shared/verb/arguments.ts';
import { argFields } from '#shared/verb/fields.ts';
import type { Offer } from '#shared/verb/offer.ts';
import { type Verb, verb } from '#shared/verb/verb.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import type { FormField } from '#shared/xmpp/forms.ts';
import { argumentForm, CONTROL_FIELDS, confirmForm, wordsOf } from '#shared/xmpp/verb-form.ts';
import { sampleOf } from '#test/unit/support/samples.ts';

const row = verb({
  summary: 'Try every kind of field.',
  details: 'And more.',
  risk: 'destroy',
  args: z.strictObject({
    guest: GuestRef,
    text: z.string().max(10).optional().meta({ title: 'Text', description: 'Words.' }),
    lines: z.string().optional().meta({ multiline: true }),
    secret: z.string().optional().meta({ secret: true }),
    flag: z.boolean().default(true),
    count: z.int().min(1).max(9).default(3).meta({ title: 'Wait', unit: 's' }),
    share: z.number().optional(),
    kind: z.enum(['a', 'b']).optional(),
    colour: z.enum(['red', 'blue']).default('blue'),
    list: z.array(z.string()).default([]),
    some: z.array(z.enum(['x', 'y'])).default([]),
  }),
  positional: ['guest'],
  guestArg: 'guest',
  result: z.strictObject({}),
  failures: [],
  timeoutMs: 1_000,
});

const requester = { bareJid: 'op@skerry.test', fullJid: 'op@skerry.test/x' };
const offering = (guests: readonly string[], may: Offer['may'] = () => true): Offer => ({
  table: { 'try.all': row },
  perform: async () => ({ kind: 'result', value: {}, replayed: false }),
  may,
  choices: (kind) => (kind === 'guest' ? guests : []),
});
const fieldsOf = (offer: Offer, filled?: Map<string, string[]>): Record<string, FormField> =>
  Object.fromEntries(
    argumentForm({ verb: 'try.all', row, offer, requester }, 'op-1', filled).fields.map((field) => [field.var, field]),
  );

describe('the form of a verb', () => {
  it('has a field for each argument, of the type that fits', () => {
    const fields = fieldsOf(offering(['venti']));
    const types = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.type]));
    assert.deepEqual(types, {
      operation: 'hidden',
      guest: 'list-single',
      text: 'text-single',
      lines: 'text-multi',
      secret: 'text-private',
      flag: 'boolean',
      count: 'text-single',
      share: 'text-single',
      kind: 'list-single',
      colour: 'list-single',
      list: 'text-multi',
      some: 'list-multi',
    });
    assert.deepEqual(fields.operation?.values, ['op-1']);
    assert.deepEqual([fields.flag?.values, fields.count?.values, fields.colour?.values], [['1'], ['3'], ['blue']]);
    assert.equal(fields.count?.label, 'Wait, s');
    const { datatype, minimum, maximum } = fields.count ?? {};
    assert.deepEqual([datatype, minimum, maximum], ['xs:integer', 1, 9]);
    assert.equal(fields.share?.datatype, 'xs:decimal');
    assert.equal(fields.colour?.datatype, undefined);
    assert.deepEqual([fields.guest?.required, fields.text?.required], [true, false]);
  });

  it('lets what is optional be left out, also where a client chooses the first option', () => {
    const fields = fieldsOf(offering(['venti']));
    assert.deepEqual(fields.kind?.options, ['', 'a', 'b']);
    assert.deepEqual(fields.colour?.options, ['red', 'blue']);
    assert.deepEqual(fields.guest?.options, ['venti']);
    assert.deepEqual(fields.some?.options, ['x', 'y']);
  });

  it('offers guests up to a bound, and only those that the verb may be used on', () => {
    const many = Array.from({ length: 201 }, (_, n) => `g${n}`);
    assert.equal(fieldsOf(offering(many)).guest?.type, 'text-single');
    assert.equal(fieldsOf(offering(many.slice(1))).guest?.options?.length, 200);
    assert.equal(fieldsOf(offering([])).guest?.type, 'text-single');
    const mayOne: Offer['may'] = (_, __, target) => target?.guest === 'g7';
    assert.deepEqual(fieldsOf(offering(many, mayOne)).guest?.options, ['g7']);
  });

  it('keeps what was filled in, where the field can show it', () => {
    const filled = new Map(
      Object.entries({ guest: ['venti'], text: ['too long a text'], flag: ['maybe'], kind: ['z'], list: ['1', '2'] }),
    );
    const fields = fieldsOf(offering(['venti']), filled);
    assert.deepEqual(
      [fields.guest?.values, fields.text?.values, fields.flag?.values, fields.kind?.values, fields.list?.values],
      [['venti'], ['too long a text'], ['1'], [], ['1', '2']],
    );
  });

  it('says in the second question what it is about, and has no as its answer until it is changed', () => {
    const form = confirmForm(
      { verb: 'try.all', row, offer: offering([]), requester },
      'op-1',
      'try all venti may lose work or data.',
    );
    const confirm = form.fields.find((field) => field.var === 'confirm');
    assert.equal(confirm?.label, 'try all venti may lose work or data. Are you sure?');
    assert.deepEqual(confirm?.values, ['0']);
  });

  it('reads back as arguments: sent as it came, it says what the defaults say', () => {
    for (const [id, each] of Object.entries<Verb>(agentVerbs)) {
      const form = argumentForm({ verb: id, row: each, offer: offering(['venti']), requester }, 'op-1');
      const sent = new Map(form.fields.map((field) => [field.var, field.values]));
      const due = argFields(each).filter(({ required }) => required);
      const needed = Object.fromEntries(due.map((field) => [field.name, sampleOf(field)]));
      for (const [name, value] of Object.entries(needed)) sent.set(name, [value]);
      assert.deepEqual(readArguments(each, wordsOf(each, sent)), readArguments(each, needed), id);
    }
  });

  it('has names for its own ends that no verb uses', () => {
    for (const [id, each] of Object.entries<Verb>({ ...agentVerbs, ...centralVerbs }))
      for (const field of argFields(each)) assert.ok(!CONTROL_FIELDS.has(field.name), `${id} ${field.name}`);
  });
});
