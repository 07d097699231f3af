import type { Failure } from '#shared/errors.ts';
import type { Job } from '#shared/model/job.ts';
import type { Questions } from './confirm.ts';
import type { Handlers } from './handlers.ts';
import type { May } from './policy.ts';
import type { AuditRecord, Call, Request } from './request.ts';
import type { ArgsOf, Verb, VerbTable } from './verb.ts';

/** How an operation ended, as it is written down: enough to answer it again. */
export type Recorded =
  | { outcome: 'done'; value: unknown }
  | { outcome: 'job'; job: string }
  | { outcome: 'failed'; code: Failure['code']; details: Failure['details'] };

/** What is written down of a change: before it acts, and after. An id belongs to the account that gave it. */
export interface Journal {
  /** @throws Failure operation-mismatch, where this id was used for something else */
  find(request: Request, args: object): Recorded | undefined | Promise<Recorded | undefined>;
  /**
   * Write down, so that it outlives a power cut, that this is about to be done. `kept` are the arguments without secrets.
   * @returns how it ended, where an earlier run of the program was cut off in the middle of it and it turns out to have ended
   * @throws Failure host-space: nothing was written, and nothing may be done
   */
  begin(request: Request, args: object, kept: object): Promise<Recorded | undefined>;
  /**
   * Write down that operations of the request's requester are never to be begun: what comes late of them is answered with that.
   * @throws Failure host-space
   */
  supersede?(request: Request, operations: readonly string[]): void | Promise<void>;
  /**
   * Of a `verb-timeout` nobody knows how it ended: it stays open, and that is found out when it is asked again.
   * Never throws: the effect is there. What cannot be written now is kept, and written as soon as it can be.
   */
  end(request: Request, recorded: Recorded, audit: AuditRecord): void | Promise<void>;
}

export interface Jobs {
  start(call: Call, row: Verb, args: object, run: (call: Call) => Promise<unknown>): Job | Promise<Job>;
  find(id: string): Job | undefined | Promise<Job | undefined>;
}

/** @throws Failure why the job would be refused */
export type BeforeJobs<T extends VerbTable> = { readonly [K in keyof T]?: (args: ArgsOf<T[K]>) => void };

export interface PerformDeps<T extends VerbTable> {
  table: T;
  handlers: Handlers<T>;
  may: May;
  /** Whether the driver can do it. */
  supports(verb: string): boolean;
  /** What is asked before a verb that may lose work; without one, the verb and what it names are said. */
  questions?: Questions<T>;
  /** What is looked at before a job is begun: what would be refused anyway is refused at once. */
  beforeJobs?: BeforeJobs<T>;
  journal: Journal;
  jobs: Jobs;
  /** Changes go on past their verb's time limit, and their outcome is written down when it is there. Else their signal fires then. */
  changesGoOn?: boolean;
  /** Take a record for the trail; must neither throw nor wait. Records of changes go through `journal.end`. */
  audit(record: AuditRecord): void;
  /** Whether reads that went well are in the trail too; true unless given. What was refused or failed always is. */
  auditReads?: boolean;
  onBug(error: unknown, id: string): void;
  now(): number;
  newId(): string;
  /** For texts: which driver, which host. */
  here: { driver: string; host: string };
  /** Requests under way at once: in all, and of one account. */
  limits: { underWay: number; underWayEach: number };
}
