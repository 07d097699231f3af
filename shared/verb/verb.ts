import type { z } from 'zod';
import type { FailureCode } from '#shared/errors.ts';

/** reads: `read`; changes: `change`; may lose work or data, so it asks once more: `destroy`. */
export type Risk = 'read' | 'change' | 'destroy';

/**
 * A verb, declared once, as data. Everything that a surface needs derives from this row: the ad-hoc command and its form,
 * the chat grammar, help, the permission, the CLI subcommand, docs/verbs.md, the time limit and the audit record.
 *
 * What a schema's `.meta()` may carry, and who reads it: `title`, `description`, `unit` (labels and help), `choices`
 * (`'chain' | 'guest' | 'host' | 'job' | 'network' | 'router' | 'verb'`: what a form offers and what a mistyped word is compared with), `multiline` (a text-multi field), `file` (the command line takes the name of a file), `secret` (a
 * text-private field; never audited), `line` (how one record reads in one line; `{field}` is filled), `columns` (of a table).
 */
export interface Verb<Args extends z.ZodObject = z.ZodObject, Result extends z.ZodType = z.ZodType> {
  /** One sentence, imperative, with a full stop. */
  summary: string;
  /** More for help and docs, where a reader would ask. */
  details?: string;
  risk: Risk;
  args: Args;
  /** Arguments that chat and CLI take by place, in order. */
  positional: readonly (keyof z.infer<Args> & string)[];
  /** An object (one record) or an array of objects (a table). Of a job: what it answers when it is done. */
  result: Result;
  /** What can go wrong beside what every verb shares (see COMMON_FAILURES). */
  failures: readonly FailureCode[];
  timeoutMs: number;
  /** Answers with a Job at once, and goes on. */
  job?: boolean;
  /** The argument that names the guest, where there is one: permissions and the guest's own contact look at it. */
  guestArg?: keyof z.infer<Args> & string;
  /** The argument that names the host, where there is one: permissions look at it. */
  hostArg?: keyof z.infer<Args> & string;
  /** The argument that names another verb, which it carries out: where that one may not lose work, nobody is asked. */
  riskArg?: keyof z.infer<Args> & string;
  /** Arguments that do what another verb does: whoever gives one has to be allowed that verb too. */
  argNeeds?: Partial<Readonly<Record<keyof z.infer<Args> & string, string>>>;
  /** A call and what it does, for help and docs. */
  example?: string;
}

/** Declare a verb, so that its `positional` is checked against its `args`. */
export const verb = <Args extends z.ZodObject, Result extends z.ZodType>(row: Verb<Args, Result>): Verb<Args, Result> =>
  row;

/** `noun.action` to its row. */
export type VerbTable = Readonly<Record<string, Verb>>;

export type ArgsOf<V> = V extends Verb<infer Args, z.ZodType> ? z.output<Args> : never;
export type ResultOf<V> = V extends Verb<z.ZodObject, infer Result> ? z.input<Result> : never;

/** Failures that any verb may answer with. */
export const COMMON_FAILURES: readonly FailureCode[] = [
  'bad-argument',
  'not-permitted',
  'verb-unsupported',
  'operation-running',
  'operation-mismatch',
  'operation-uncertain',
  'operation-superseded',
  'verb-timeout',
  'too-busy',
  'host-unreachable',
  'internal',
];

/** The namespace of verbs on the wire. */
export const VERB_NS = 'urn:skerry:verb:1';

/** `guest.start` as the node of its ad-hoc command and the FORM_TYPE of its form. */
export const nodeOf = (id: string): string => `${VERB_NS}#${id}`;

/** The verb that a node names, or undefined. */
export const verbOfNode = (node: string): string | undefined =>
  node.startsWith(`${VERB_NS}#`) ? node.slice(VERB_NS.length + 1) : undefined;

/** Look a row up by a word off the wire; `constructor` and its like are no verbs. */
export const rowOf = (table: VerbTable, id: string): Verb | undefined =>
  Object.hasOwn(table, id) ? table[id] : undefined;

/** A verb as somebody wrote it, `guest start` or `Guest.Start`, as an id. It may name none. */
export const idOf = (word: string): string => word.trim().replace(/\s+/, '.').toLowerCase();

/** `guest.start` as people type it: `guest start`. */
export const spokenOf = (id: string): string => id.replace('.', ' ');
