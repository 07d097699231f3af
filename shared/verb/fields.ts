import { z } from 'zod';
import type { Verb } from './verb.ts';

/**
 * The arguments of a verb as fields, read from the JSON Schema of its `args`: what a form, the chat grammar, the CLI and
 * the docs are made from. Nothing here looks into zod itself.
 */
export interface Field {
  name: string;
  label: string;
  description: string;
  kind: 'text' | 'integer' | 'number' | 'boolean' | 'list';
  required: boolean;
  default?: string | number | boolean | readonly string[];
  /** The only words that are taken. */
  options?: readonly string[];
  /** What the words are compared with, and what a form offers. */
  choices?: Choices;
  unit?: string;
  minimum?: number;
  maximum?: number;
  /** Of a text: in characters. Of a list: of each line. */
  lengthMax?: number;
  pattern?: string;
  multiline: boolean;
  /** The text of a file: the command line takes its name. */
  file: boolean;
  secret: boolean;
  /** Of a result: where it is an SVG, chat shows it as a picture. */
  picture: boolean;
}

export type Choices = 'chain' | 'guest' | 'host' | 'job' | 'network' | 'router' | 'verb';

interface Property {
  type?: string;
  title?: string;
  description?: string;
  default?: Field['default'];
  enum?: string[];
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  pattern?: string;
  items?: Property;
  choices?: Choices;
  unit?: string;
  multiline?: boolean;
  file?: boolean;
  secret?: boolean;
  picture?: boolean;
}
interface ObjectSchema {
  properties?: Record<string, Property>;
  required?: string[];
}

const known = new WeakMap<z.ZodType, readonly Field[]>();

/** The fields of a verb's arguments, in the order of the row. */
export const argFields = (row: Verb): readonly Field[] => fieldsOf(row.args, 'input');

/** The fields of one record of a verb's result, and whether there may be many. */
export function resultFields(row: Verb): {
  table: boolean;
  fields: readonly Field[];
  line?: string;
  columns?: readonly string[];
} {
  const table = row.result instanceof z.ZodArray;
  const record = row.result instanceof z.ZodArray ? (row.result.element as z.ZodType) : row.result;
  const meta = (record.meta() ?? {}) as { line?: string; columns?: readonly string[] };
  return { table, fields: fieldsOf(record, 'output'), line: meta.line, columns: meta.columns };
}

function fieldsOf(schema: z.ZodType, io: 'input' | 'output'): readonly Field[] {
  const cached = known.get(schema);
  if (cached) return cached;
  const json = z.toJSONSchema(schema, { io, reused: 'inline', unrepresentable: 'any' }) as ObjectSchema;
  const required = new Set(json.required ?? []);
  const fields = Object.entries(json.properties ?? {}).map(([name, property]) =>
    fieldOf(name, property, required.has(name)),
  );
  known.set(schema, fields);
  return fields;
}

function fieldOf(name: string, property: Property, required: boolean): Field {
  const inner = property.type === 'array' ? (property.items ?? {}) : property;
  return {
    name,
    label: property.title ?? name,
    description: property.description ?? '',
    kind: kindOf(property.type),
    required,
    ...(property.default === undefined ? {} : { default: property.default }),
    ...(inner.enum ? { options: inner.enum } : {}),
    ...(property.choices ? { choices: property.choices } : {}),
    ...(property.unit ? { unit: property.unit } : {}),
    ...(inner.minimum === undefined ? {} : { minimum: inner.minimum }),
    ...(inner.maximum === undefined ? {} : { maximum: inner.maximum }),
    ...(inner.maxLength === undefined ? {} : { lengthMax: inner.maxLength }),
    ...(inner.pattern === undefined ? {} : { pattern: inner.pattern }),
    multiline: property.multiline ?? false,
    file: property.file ?? false,
    secret: property.secret ?? false,
    picture: property.picture ?? false,
  };
}

function kindOf(type: string | undefined): Field['kind'] {
  if (type === 'integer' || type === 'number' || type === 'boolean') return type;
  return type === 'array' ? 'list' : 'text';
}
