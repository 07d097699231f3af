import assert from 'node:assert/strict';
import xml, { type Element } from '@xmpp/xml';
import fc from 'fast-check';
import { Failure } from '#shared/errors.ts';
import { FORMS_NS, type Form, formElement, parseForm, parseSubmit } from '#shared/xmpp/forms.ts';
import { parse } from '#test/conversation/peer.ts';

const VALIDATE = 'http://jabber.org/protocol/xdata-validate';
const wire = (form: Form): Element => parse(String(formElement(form)));
const problemOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof Failure && error.code === 'bad-payload') return String(error.details.problem);
    throw error;
  }
  throw new Error('bad-payload was due');
};

describe('data forms (XEP-0004)', () => {
  it('keep their fields, values and rows over the wire', () => {
    const texts = fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 4 });
    const fields = fc.uniqueArray(fc.record({ var: fc.string({ minLength: 1 }), values: texts }), {
      selector: (field) => field.var,
      maxLength: 6,
    });
    fc.assert(
      fc.property(fields, fc.array(fields, { maxLength: 3 }), (top, items) => {
        const back = parseForm(wire({ type: 'result', fields: top, reported: [], items }));
        const plain = (form: readonly { var: string; values: readonly string[] }[]) =>
          form.map((field) => ({ var: field.var, values: [...field.values] }));
        assert.deepEqual(plain(back.fields), plain(top));
        assert.deepEqual(back.items?.map(plain), items.map(plain));
        const sent = parseSubmit(wire({ type: 'submit', fields: top }));
        assert.deepEqual(
          [...sent],
          top.map((field) => [field.var, [...field.values]]),
        );
      }),
    );
  });

  it('name their type (XEP-0068) and what a number may be (XEP-0122)', () => {
    const x = wire({
      type: 'form',
      formType: 'urn:x',
      title: 'T',
      instructions: 'I',
      fields: [
        {
          var: 'n',
          type: 'text-single',
          datatype: 'xs:integer',
          minimum: 1,
          maximum: 9,
          required: true,
          values: ['2'],
        },
        { var: 'd', type: 'text-single', datatype: 'xs:decimal', values: [] },
      ],
    });
    const [type, n, d] = x.getChildren('field');
    assert.deepEqual(
      [type?.attrs.var, type?.attrs.type, type?.getChildText('value')],
      ['FORM_TYPE', 'hidden', 'urn:x'],
    );
    const validate = n?.getChild('validate', VALIDATE);
    assert.deepEqual(
      [validate?.attrs.datatype, { ...validate?.getChild('range', VALIDATE)?.attrs }],
      ['xs:integer', { min: '1', max: '9' }],
    );
    assert.ok(n?.getChild('required'));
    assert.ok(d?.getChild('validate', VALIDATE)?.getChild('basic', VALIDATE));
    assert.deepEqual([x.getChildText('title'), x.getChildText('instructions')], ['T', 'I']);
  });

  it('hold nothing that XML cannot, and label each option', () => {
    const [field] = wire({
      type: 'form',
      title: 'a\u0001',
      fields: [{ var: 'o', type: 'list-single', values: ['\u0002'], options: ['', 'x\u0003'] }],
    }).getChildren('field');
    assert.equal(field?.getChildText('value'), '\ufffd');
    assert.deepEqual(
      field?.getChildren('option').map((option) => [option.attrs.label, option.getChildText('value')]),
      [
        ['(none)', ''],
        ['x\ufffd', 'x\ufffd'],
      ],
    );
  });

  it('are read with names that are names, whatever they say', () => {
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
    const read = parseSubmit(wire({ type: 'submit', fields: names.map((name) => ({ var: name, values: ['1'] })) }));
    assert.deepEqual([...read.keys()], names);
    assert.equal(read.get('valueOf'), undefined);
  });

  it('of type cancel read as submit (XEP-0050 section 3.5.1), others do not', () => {
    assert.equal(parseSubmit(xml('x', { xmlns: FORMS_NS, type: 'cancel' })).size, 0);
    for (const type of ['form', 'result', '', undefined])
      assert.match(
        problemOf(() => parseSubmit(xml('x', { xmlns: FORMS_NS, type }))),
        /sent back as submit/,
      );
  });

  it('take their FORM_TYPE or none, and no other', () => {
    const x = (formType?: string): Element => wire({ type: 'submit', fields: [], ...(formType ? { formType } : {}) });
    parseSubmit(x(), 'urn:x');
    parseSubmit(x('urn:x'), 'urn:x');
    assert.match(
      problemOf(() => parseSubmit(x('urn:y'), 'urn:x')),
      /“urn:y”, not urn:x/,
    );
  });
});
