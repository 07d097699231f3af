import { argFields } from './fields.ts';
import type { Verb } from './verb.ts';

const TEXT_MAX = 500;

/** Arguments as the audit trail keeps them: what is marked secret is not, what is long is cut. */
export function auditedArgs(row: Verb | undefined, args: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const secrets = new Set(
    row
      ? argFields(row)
          .filter((field) => field.secret)
          .map((field) => field.name)
      : [],
  );
  const entries = Object.entries(args)
    .slice(0, 50)
    .map(([name, value]) => [name.slice(0, 64), secrets.has(name) ? '***' : cut(value)] as const);
  return Object.fromEntries(entries);
}

function cut(value: unknown): unknown {
  if (typeof value === 'number' || typeof value === 'boolean' || value === undefined) return value;
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}… (${text.length} characters)` : text;
}
