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
  /** Their labels are the options themselves; an empty one stands for no choice. */
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

export const FORM_TYPE_FIELD = 'FORM_TYPE';
const FIELDS_MAX = 200;
const NAME_CHARACTERS_MAX = 256;
const VALUES_MAX = 10_000;
const CHARACTERS_MAX = 400_000;

export function formElement(form: Form): Element {
  const typeField: FormField[] = form.formType
    ? [{ var: FORM_TYPE_FIELD, type: 'hidden', values: [form.formType] }]
    : [];
  return xml(
    'x',
    { xmlns: FORMS_NS, type: form.type },
    form.title ? xml('title', {}, printable(form.title)) : undefined,
    form.instructions ? xml('instructions', {}, printable(form.instructions)) : undefined,
    ...[...typeField, ...form.fields].map(fieldElement),
    form.reported ? xml('reported', {}, ...form.reported.map(fieldElement)) : undefined,
    ...(form.items ?? []).map((item) => xml('item', {}, ...item.map(cellElement))),
  );
}

/** A field of a row says its name and values; all else is in `reported`. There may be thousands: hence apart. */
const cellElement = ({ var: name, values }: FormField): Element =>
  xml('field', { var: name }, ...values.map(valueElement));

const valueElement = (value: string): Element => xml('value', null, printable(value));

function fieldElement(field: FormField): Element {
  return xml(
    'field',
    { var: field.var, type: field.type, label: field.label },
    field.description ? xml('desc', {}, printable(field.description)) : undefined,
    field.required ? xml('required') : undefined,
    ...field.values.map(valueElement),
    ...(field.options ?? []).map(optionElement),
    field.datatype ? validateElement(field) : undefined,
  );
}

const optionElement = (option: string): Element =>
  xml('option', { label: printable(option) || '(none)' }, xml('value', {}, printable(option)));

function validateElement({ datatype, minimum, maximum }: FormField): Element {
  const ranged = minimum !== undefined || maximum !== undefined;
  const child = ranged ? xml('range', { min: minimum, max: maximum }) : xml('basic');
  return xml('validate', { xmlns: VALIDATE_NS, datatype }, child);
}

/** What a submitted form holds, by field. A Map, since the names are somebody else's. */
export type Submitted = ReadonlyMap<string, readonly string[]>;

/**
 * The values that a submitted form holds. Lines of a text-multi field are its values; fields of type fixed say nothing.
 *
 * `cancel` reads as `submit`: XEP-0050 section 3.5.1, since there the action of the command says what is meant.
 * @throws Failure bad-payload, naming what was wrong
 */
export function parseSubmit(x: Element, formType?: string): Submitted {
  const { type } = x.attrs;
  if (type !== 'submit' && type !== 'cancel')
    throw bad(`it is of type ${quote(type)}, and a form is sent back as submit`);
  const fields = x.getChildren('field', FORMS_NS).filter((field) => field.attrs.type !== 'fixed');
  if (fields.length > FIELDS_MAX) throw bad(`it has ${fields.length} fields; ${FIELDS_MAX} are the most`);
  const submitted = new Map<string, readonly string[]>();
  let characters = 0;
  for (const field of fields) {
    const name = nameOf(field);
    if (submitted.has(name)) throw bad(`the field ${quote(name)} is there twice`);
    const values = valuesOf(field, name);
    characters += values.reduce((sum, value) => sum + value.length, name.length);
    if (characters > CHARACTERS_MAX) throw bad(`it has more than ${CHARACTERS_MAX} characters`);
    submitted.set(name, values);
  }
  const own = submitted.get(FORM_TYPE_FIELD);
  if (own && formType && own.join() !== formType) throw bad(`its FORM_TYPE is ${quote(own.join())}, not ${formType}`);
  return submitted;
}

function nameOf(field: Element): string {
  const name = field.attrs.var;
  if (!name) throw bad('a field has no var');
  if (name.length > NAME_CHARACTERS_MAX) throw bad(`the name ${quote(name)} of a field is too long`);
  return name;
}

function valuesOf(field: Element, name: string): string[] {
  const values = field.getChildren('value', FORMS_NS);
  if (values.length > VALUES_MAX)
    throw bad(`the field ${quote(name)} has ${values.length} values; ${VALUES_MAX} are the most`);
  if (values.some((value) => value.getChildElements().length > 0))
    throw bad(`a value of the field ${quote(name)} is not text`);
  return values.map((value) => value.text());
}

const bad = (problem: string): Failure => new Failure('bad-payload', { problem });
const quote = (text: string | undefined): string => `“${(text ?? '').slice(0, 40)}”`;

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
