import xml, { type Element } from '@xmpp/xml';
import { Failure } from '#shared/errors.ts';
import { printable } from './stanza-error.ts';

/** Data forms: XEP-0004, with XEP-0122 data types and XEP-0068 FORM_TYPE. */
export const FORMS_NS = 'jabber:x:data';
const VALIDATE_NS = 'http://jabber.org/protocol/xdata-validate';

export type FieldType =
  | 'boolean'
  | 'fixed'
  | 'hidden'
  | 'jid-single'
  | 'list-multi'
  | 'list-single'
  | 'text-multi'
  | 'text-private'
  | 'text-single';

export interface FormField {
  var: string;
  type?: FieldType;
  label?: string;
  description?: string;
  required?: boolean;
  values: readonly string[];
  options?: readonly string[];
  /** XEP-0122: `xs:integer`, with a range. */
  datatype?: string;
  minimum?: number;
  maximum?: number;
}

export interface Form {
  type: 'form' | 'submit' | 'cancel' | 'result';
  formType?: string;
  title?: string;
  instructions?: string;
  fields: readonly FormField[];
  reported?: readonly FormField[];
  items?: readonly (readonly FormField[])[];
}

const FIELDS_MAX = 200;
const VALUES_MAX = 10_000;
const CHARACTERS_MAX = 400_000;

export function formElement(form: Form): Element {
  const typeField: FormField[] = form.formType ? [{ var: 'FORM_TYPE', type: 'hidden', values: [form.formType] }] : [];
  return xml(
    'x',
    { xmlns: FORMS_NS, type: form.type },
    form.title ? xml('title', {}, printable(form.title)) : undefined,
    form.instructions ? xml('instructions', {}, printable(form.instructions)) : undefined,
    ...[...typeField, ...form.fields].map(fieldElement),
    form.reported ? xml('reported', {}, ...form.reported.map(fieldElement)) : undefined,
    ...(form.items ?? []).map((item) => xml('item', {}, ...item.map(fieldElement))),
  );
}

function fieldElement(field: FormField): Element {
  return xml(
    'field',
    { var: field.var, type: field.type, label: field.label },
    field.description ? xml('desc', {}, printable(field.description)) : undefined,
    field.required ? xml('required') : undefined,
    ...field.values.map((value) => xml('value', {}, printable(value))),
    ...(field.options ?? []).map((option) => xml('option', { label: option }, xml('value', {}, printable(option)))),
    field.datatype ? validateElement(field) : undefined,
  );
}

function validateElement({ datatype, minimum, maximum }: FormField): Element {
  const ranged = minimum !== undefined || maximum !== undefined;
  const child = ranged ? xml('range', { min: minimum, max: maximum }) : xml('basic');
  return xml('validate', { xmlns: VALIDATE_NS, datatype }, child);
}

/**
 * The values that a submitted form holds, by field. Lines of a text-multi field are its values.
 *
 * A Map, since the names are somebody else's. @throws Failure bad-payload
 */
export function parseSubmit(x: Element): Map<string, readonly string[]> {
  if (x.attrs.type !== 'submit')
    throw new Failure('bad-payload', {
      problem: `it is of type ${String(x.attrs.type).slice(0, 20)}, and a form is sent back as submit`,
    });
  const fields = x.getChildren('field', FORMS_NS);
  if (fields.length > FIELDS_MAX)
    throw new Failure('bad-payload', { problem: `it has ${fields.length} fields; ${FIELDS_MAX} are the most` });
  const values = new Map<string, readonly string[]>();
  let characters = 0;
  for (const field of fields) {
    const name = field.attrs.var;
    if (!name) throw new Failure('bad-payload', { problem: 'a field has no var' });
    if (values.has(name))
      throw new Failure('bad-payload', { problem: `the field ${name.slice(0, 40)} is there twice` });
    const texts = field.getChildren('value', FORMS_NS).map((value) => value.text());
    characters += texts.reduce((sum, text) => sum + text.length, 0);
    if (texts.length > VALUES_MAX || characters > CHARACTERS_MAX)
      throw new Failure('bad-payload', { problem: 'it is too long' });
    values.set(name, texts);
  }
  return values;
}

/** A form that a peer sent, as it is: for clients. */
export function parseForm(x: Element): Form {
  const title = x.getChildText('title', FORMS_NS);
  const instructions = x.getChildText('instructions', FORMS_NS);
  const reported = x.getChild('reported', FORMS_NS);
  return {
    type: (x.attrs.type ?? 'form') as Form['type'],
    ...(title ? { title } : {}),
    ...(instructions ? { instructions } : {}),
    fields: fieldsIn(x),
    ...(reported ? { reported: fieldsIn(reported) } : {}),
    items: x.getChildren('item', FORMS_NS).map(fieldsIn),
  };
}

const fieldsIn = (parent: Element): FormField[] =>
  parent.getChildren('field', FORMS_NS).map((field) => ({
    var: field.attrs.var ?? '',
    ...(field.attrs.type ? { type: field.attrs.type as FieldType } : {}),
    ...(field.attrs.label ? { label: field.attrs.label } : {}),
    values: field.getChildren('value', FORMS_NS).map((value) => value.text()),
    options: field.getChildren('option', FORMS_NS).map((option) => option.getChildText('value', FORMS_NS) ?? ''),
  }));
