import { z } from 'zod';

interface JsonSchema {
  type?: string;
  description?: string;
  default?: unknown;
  const?: unknown;
  enum?: unknown[];
  minimum?: number;
  maximum?: number;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  additionalProperties?: JsonSchema | boolean;
  oneOf?: JsonSchema[];
  anyOf?: JsonSchema[];
}

const schemaOf = (config: z.ZodType): JsonSchema =>
  z.toJSONSchema(config, { io: 'input', reused: 'inline', unrepresentable: 'any' }) as JsonSchema;

/** Every key, as the rows of a table in Markdown: docs/agent-config.md is made of it. */
export function configReference(config: z.ZodType): string {
  const rows = rowsOf(schemaOf(config), '').map(
    (row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`,
  );
  return ['| key | what | kind | default |', '| --- | --- | --- | --- |', ...rows, ''].join('\n');
}

function rowsOf(schema: JsonSchema, prefix: string): string[][] {
  const required = new Set(schema.required);
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const key = `${prefix}${name}`;
    const standard = required.has(name)
      ? 'must be given'
      : property.default === undefined
        ? ''
        : asCode(property.default);
    const own = [`\`${key}\``, property.description ?? '', kindOf(property), isLong(standard) ? '' : standard];
    const below = property.items?.properties ? rowsOf(property.items, `${key}[].`) : rowsOf(property, `${key}.`);
    const named =
      typeof property.additionalProperties === 'object' ? rowsOf(property.additionalProperties, `${key}.NAME.`) : [];
    const ways = (property.oneOf ?? []).flatMap((way) => {
      const word = way.properties?.kind?.const;
      return rowsOf(way, `${key} (${String(word)}).`).filter(([name]) => !name?.endsWith('.kind`'));
    });
    return [own, ...below, ...named, ...ways];
  });
}

const asCode = (value: unknown): string => `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
/** The default of a group says again what its keys say. */
const isLong = (text: string): boolean => text.startsWith('`{');

function kindOf({ type, enum: words, minimum, maximum, oneOf, anyOf }: JsonSchema): string {
  if (words) return words.map(asCode).join(', ');
  if (oneOf) return oneOf.map((way) => `\`kind: ${String(way.properties?.kind?.const)}\``).join(' or ');
  if (anyOf) return anyOf.map(kindOf).join(' or ');
  if (type === 'integer' && minimum !== undefined && maximum !== undefined) {
    return maximum < Number.MAX_SAFE_INTEGER ? `${minimum} to ${maximum}` : `${minimum} or more`;
  }
  return KINDS[type ?? ''] ?? 'text';
}
const KINDS: Readonly<Record<string, string>> = {
  object: 'group',
  array: 'list',
  boolean: '`true` or `false`',
  integer: 'whole number',
};

/** The keys that can stand at a path, where the schema says it in one way. */
export function keysAt(config: z.ZodType, path: readonly PropertyKey[]): string[] {
  let schema: JsonSchema | undefined = schemaOf(config);
  for (const step of path) schema = typeof step === 'string' ? schema?.properties?.[step] : schema?.items;
  return Object.keys(schema?.properties ?? {});
}
