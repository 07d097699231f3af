import { argFields, resultFields } from './fields.ts';
import type { Recorded } from './perform-deps.ts';
import { type AuditRecord, OPERATION_MAX, type Request } from './request.ts';
import type { Verb } from './verb.ts';

const TEXT_MAX = 500;
const ARGS_MAX = 50;
const VERB_MAX = 64;
const HIDDEN = '***';

/** The record of one request. What came off the wire is cut to what a record may hold. */
export function auditRecord(
  request: Omit<Request, 'args' | 'confirmed'>,
  row: Verb | undefined,
  args: Readonly<Record<string, unknown>>,
  recorded: Recorded | { outcome: 'done' },
  times: { beganAt: number; endedAt: number },
): AuditRecord {
  return {
    at: new Date(times.beganAt).toISOString(),
    verb: request.verb.slice(0, VERB_MAX),
    requester: request.requester,
    surface: request.surface,
    operation: request.operation.slice(0, OPERATION_MAX),
    args: auditedArgs(row, args),
    outcome: recorded.outcome === 'failed' ? recorded.code : 'done',
    ...(recorded.outcome === 'job' ? { job: recorded.job, begun: true as const } : {}),
    tookMs: times.endedAt - times.beganAt,
  };
}

/**
 * Arguments as the audit trail keeps them: what is marked secret is not, what is long is cut. Nor is what the row does not know:
 * a mistyped name, or any argument of an unknown verb, may stand before a secret.
 */
export function auditedArgs(row: Verb | undefined, args: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const open = openFields(row);
  const entries = Object.entries(args)
    .slice(0, ARGS_MAX)
    .map(([name, value]) => [name.slice(0, VERB_MAX), open.has(name) ? cut(value) : HIDDEN] as const);
  return Object.fromEntries(entries);
}

/** Arguments as a journal may keep them: whole, but for what is secret. */
export function withoutSecrets(row: Verb, args: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const open = openFields(row);
  return Object.fromEntries(Object.entries(args).map(([name, value]) => [name, open.has(name) ? value : HIDDEN]));
}

/** What a verb answered as a journal may keep it: secrets are shown once, to whoever asked. */
export function withoutSecretResults(row: Verb, value: unknown): unknown {
  const secret = resultFields(row).fields.filter((field) => field.secret);
  if (secret.length === 0 || typeof value !== 'object' || value === null) return value;
  return { ...value, ...Object.fromEntries(secret.map(({ name }) => [name, HIDDEN])) };
}

const NONE: ReadonlySet<string> = new Set();
const known = new WeakMap<Verb, ReadonlySet<string>>();

function openFields(row: Verb | undefined): ReadonlySet<string> {
  if (!row) return NONE;
  const open = known.get(row) ?? new Set(argFields(row).flatMap((field) => (field.secret ? [] : [field.name])));
  known.set(row, open);
  return open;
}

function cut(value: unknown): unknown {
  if (typeof value === 'number' || typeof value === 'boolean' || value === undefined) return value;
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}… (${text.length} characters)` : text;
}
