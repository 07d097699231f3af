import type { Job, Outcome } from '#shared/model/job.ts';

/** By which way a request came. `cli` is what the client says of itself: a label, which no permission looks at. */
export const SURFACES = ['form', 'chat', 'cli', 'schedule', 'chain', 'central'] as const;
export type Surface = (typeof SURFACES)[number];

/** Who asks. The server stamped `fullJid`; nothing here comes from what a stanza says. */
export interface Requester {
  bareJid: string;
  fullJid: string;
  /** Only when central speaks for somebody: on whose behalf. */
  behalfOf?: string;
}

/** An operation id has at most so many characters. */
export const OPERATION_MAX = 200;

export interface Request {
  verb: string;
  /** As it came: not checked yet. */
  args: Readonly<Record<string, unknown>>;
  requester: Requester;
  surface: Surface;
  /** The same id again gets the recorded outcome and never a second effect. Surfaces give one where the stanza has none. */
  operation: string;
  /** Operations of the same requester that this one takes the place of: those not begun yet are never to be. */
  supersedes?: readonly string[];
  /** The second question of a `destroy` verb was answered with yes. */
  confirmed: boolean;
  /** Gives the request up. A Failure as its reason becomes the outcome. */
  signal?: AbortSignal;
}

/** What perform answers: the row's result, or the job that goes on. A failure is thrown. */
export type Answer =
  | { kind: 'result'; value: unknown; replayed: boolean }
  | { kind: 'job'; job: Job; replayed: boolean };

export type Perform = (request: Request) => Promise<Answer>;

/** What a handler gets beside its arguments. */
export interface Call {
  verb: string;
  requester: Requester;
  surface: Surface;
  operation: string;
  /** Operations of the same requester that this one takes the place of. */
  supersedes?: readonly string[];
  /** A job that an earlier run of the program had begun: it may have done some of it, or all. */
  resumed?: true;
  /** Fires at the row's time limit (of a change at an agent: minutes after it), at cancel, and at the agent's end. */
  signal: AbortSignal;
  /** Tell how far a job is. Does nothing for a verb that is not a job. */
  progress(text: string, percent?: number): void;
}

/**
 * One record of the audit trail: appended, never rewritten, refusals included. Arguments marked secret read `***`. A job has
 * two: `done` and `begun` when it was begun, and its outcome when it ended.
 */
export interface AuditRecord {
  at: string;
  verb: string;
  requester: Requester;
  surface: Surface;
  operation: string;
  args: Readonly<Record<string, unknown>>;
  outcome: Outcome;
  /** Of a job: its id. */
  job?: string;
  /** Of a job: that it was begun. */
  begun?: true;
  /** Nothing was done: this operation had been asked before, and got the same answer. */
  replayed?: boolean;
  tookMs: number;
}
