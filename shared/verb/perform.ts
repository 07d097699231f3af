/**
 * Responsibilities: the one path from a request to a handler, and from there to the record.
 *
 * Theory of operation: find the row, ask whether the requester may, read the arguments, ask again with the target, ask for
 * confirmation, run. What only reads runs at once. What changes goes through the journal (perform-change.ts): the same
 * operation id again has no second effect. Whatever the end, there is one record of it in the audit trail.
 *
 * What can go wrong: a handler that throws something that is not a Failure, or answers what its row does not allow, is a fault
 * of ours. It is told to onBug under an id, and the requester is told that id and nothing else.
 */
import { Failure } from '#shared/errors.ts';
import { readArguments } from './arguments.ts';
import { auditRecord } from './audit.ts';
import { requireYes } from './confirm.ts';
import { loadBound } from './perform-bounds.ts';
import { changer, type Ended } from './perform-change.ts';
import type { Jobs, PerformDeps, Recorded } from './perform-deps.ts';
import { verbRunner } from './perform-run.ts';
import { type Answer, OPERATION_MAX, type Perform, type Request } from './request.ts';
import { rowOf, type Verb, type VerbTable } from './verb.ts';

export type { Jobs, Journal, PerformDeps, Recorded } from './perform-deps.ts';

export function performer<T extends VerbTable>(deps: PerformDeps<T>): Perform {
  const bounded = loadBound(deps.limits);
  const run = verbRunner(deps);
  const failureOf = (error: unknown): Failure => {
    if (error instanceof Failure) return error;
    const id = deps.newId().slice(0, 8);
    deps.onBug(error, id);
    return new Failure('internal', { id });
  };
  const change = changer({ ...deps, run, failureOf });

  const carriedOut = async (request: Request, row: Verb, args: Record<string, unknown>): Promise<Ended> =>
    row.risk === 'read'
      ? { recorded: { outcome: 'done', value: await run(request, row, args) }, replayed: false }
      : change(request, row, args);

  return async (request) => {
    const beganAt = deps.now();
    const row = rowOf(deps.table, request.verb);
    const audit = (recorded: Recorded, args: Readonly<Record<string, unknown>>, replayed: boolean): void => {
      const record = auditRecord(request, row, args, recorded, { beganAt, endedAt: deps.now() });
      deps.audit(replayed ? { ...record, replayed } : record);
    };
    try {
      const admitted = admittedBy(deps, request, row);
      const ended = await bounded(request.requester.behalfOf ?? request.requester.bareJid, async () => {
        await requireYes(deps, request, admitted.row, admitted.args);
        return carriedOut(request, admitted.row, admitted.args);
      });
      // The record of a change that was carried out is written together with its outcome.
      const isToAudit = admitted.row.risk === 'read' ? deps.auditReads !== false : ended.replayed;
      if (isToAudit) audit(ended.recorded, admitted.args, ended.replayed);
      return await answerOf(ended, deps.jobs, request);
    } catch (error) {
      if (error instanceof RecordedFailure) throw error.failure;
      const failure = failureOf(error);
      audit({ outcome: 'failed', code: failure.code, details: failure.details }, request.args, false);
      throw failure;
    }
  };
}

/** A failure whose record is written. */
class RecordedFailure extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** The row and the arguments, read. @throws Failure: why this request is not carried out */
function admittedBy<T extends VerbTable>(deps: PerformDeps<T>, request: Request, row: Verb | undefined) {
  const { requester, verb, operation } = request;
  if (!row) throw new Failure('verb-unknown', { verb: verb.slice(0, 64) });
  if (!deps.may(requester, verb)) throw new Failure('not-permitted', { requester: requester.bareJid, verb });
  if (!deps.supports(verb)) throw new Failure('verb-unsupported', { ...deps.here, verb });
  const args = readArguments(row, request.args);
  const guest = row.guestArg ? args[row.guestArg] : undefined;
  if (typeof guest === 'string' && !deps.may(requester, verb, { guest })) {
    throw new Failure('not-permitted', { requester: requester.bareJid, verb: `${verb} ${guest}` });
  }
  for (const [name, needed] of Object.entries(row.argNeeds ?? {})) {
    if (needed === undefined || isBlank(args[name])) continue;
    if (!deps.may(requester, needed, typeof guest === 'string' ? { guest } : undefined))
      throw new Failure('not-permitted', { requester: requester.bareJid, verb: `${verb} with ${name}` });
  }
  const host = row.hostArg ? args[row.hostArg] : undefined;
  if (typeof host === 'string' && !deps.may(requester, verb, { host })) {
    throw new Failure('not-permitted', { requester: requester.bareJid, verb: `${verb} ${host}` });
  }
  if (operation.length < 1 || operation.length > OPERATION_MAX)
    throw new Failure('bad-argument', { field: 'operation', problem: `use 1 to ${OPERATION_MAX} characters` });
  return { row, args };
}

const isBlank = (value: unknown): boolean => value === undefined || (Array.isArray(value) && value.length === 0);

/** The answer that is due. A job lives as long as its operation, so it is there. */
async function answerOf(
  { recorded, replayed }: Ended,
  jobs: Pick<Jobs, 'find'>,
  { operation }: Request,
): Promise<Answer> {
  if (recorded.outcome === 'failed') throw new RecordedFailure(new Failure(recorded.code, recorded.details));
  if (recorded.outcome === 'done') return { kind: 'result', value: recorded.value, replayed };
  const job = await jobs.find(recorded.job);
  if (!job) throw new RecordedFailure(new Failure('operation-uncertain', { operation }));
  return { kind: 'job', job, replayed };
}
