import { Failure } from '#shared/errors.ts';
import type { Job } from '#shared/model/job.ts';
import { turns } from '#shared/turns.ts';
import { auditRecord, withoutSecrets } from './audit.ts';
import type { PerformDeps, Recorded } from './perform-deps.ts';
import { cutOffBy, type RunVerb, timedOut, timeLimit, untilCutOff } from './perform-run.ts';
import type { Request } from './request.ts';
import type { Verb, VerbTable } from './verb.ts';

/** How a request ended. `replayed`: nothing was done now, it had been asked before. */
export interface Ended {
  recorded: Recorded;
  replayed: boolean;
}

/** `behind`: how it really ends, where nobody was made to wait for that. */
type Answered = Ended & { behind?: Promise<Ended> };

type ChangeDeps = Pick<PerformDeps<VerbTable>, 'journal' | 'now' | 'changesGoOn'> & {
  run: RunVerb;
  failureOf(error: unknown): Failure;
};

/**
 * Carry out a change, once for each operation id: one that ended is answered from the journal, one that is under way is joined.
 *
 * Changes of one guest wait for each other. A job gives its place up as soon as it is begun, and job.cancel names no guest,
 * so that a poweroff and a cancel overtake a shutdown that waits for its guest. The journal is written when the turn has come and nothing
 * is left to do but to act: what was cut off while it waited has no entry, and may be asked again.
 *
 * The time limit of a verb is of the wait, where `changesGoOn`: what was asked of a hypervisor goes on in any case. Its place is given up
 * then, so that a poweroff overtakes a start that hangs; the same operation asked again waits for the same end, which is written down when
 * it is there.
 */
export function changer({ journal, now, run, failureOf, changesGoOn }: ChangeDeps) {
  const underWay = new Map<string, { asked: string; ended: Promise<Ended> }>();
  const inTurn = turns();

  const recordedOf = (row: Verb, work: Promise<unknown>): Promise<Recorded> =>
    work.then(
      (value): Recorded => (row.job ? { outcome: 'job', job: (value as Job).id } : { outcome: 'done', value }),
      (error): Recorded => failed(failureOf(error)),
    );

  const carryOut = async (request: Request, row: Verb, args: Record<string, unknown>): Promise<Answered> => {
    if (request.signal?.aborted) throw cutOffBy(request);
    const beganAt = now();
    const earlier = await journal.begin(request, args, withoutSecrets(row, args));
    if (earlier) return { recorded: earlier, replayed: true };
    const written = async (recorded: Recorded): Promise<Ended> => {
      await journal.end(request, recorded, auditRecord(request, row, args, recorded, { beganAt, endedAt: now() }));
      return { recorded, replayed: false };
    };
    let left: Promise<unknown> | undefined;
    const leave = (work: Promise<unknown>): void => {
      left = work;
    };
    const recorded = await recordedOf(row, run(request, row, args, changesGoOn ? leave : undefined));
    if (!left) return written(recorded);
    return { recorded, replayed: false, behind: recordedOf(row, left).then(written) };
  };

  const once = async (request: Request, row: Verb, args: Record<string, unknown>): Promise<Answered> => {
    if (request.supersedes?.length) await journal.supersede?.(request, request.supersedes);
    const recorded = await journal.find(request, args);
    if (recorded) return { recorded, replayed: true };
    const guest = row.guestArg ? String(args[row.guestArg] ?? '') : '';
    const work = (): Promise<Answered> => carryOut(request, row, args);
    return guest === '' ? work() : inTurn(guest, work);
  };

  return async (request: Request, row: Verb, args: Record<string, unknown>): Promise<Ended> => {
    const { requester, operation, verb } = request;
    const key = `${requester.bareJid} ${operation}`;
    const asked = JSON.stringify([verb, args]);
    const joined = underWay.get(key);
    if (joined && joined.asked !== asked) throw new Failure('operation-mismatch', { operation });
    if (joined) return withinLimit(joined.ended, verb, row);
    const answered = once(request, row, args);
    const forget = (): void => void underWay.delete(key);
    underWay.set(key, { asked, ended: answered });
    try {
      const { behind, ...ended } = await answered;
      if (behind) underWay.set(key, { asked, ended: behind });
      void (behind ?? answered).catch(() => {}).finally(forget);
      return ended;
    } catch (error) {
      forget();
      throw error;
    }
  };
}

const failed = ({ code, details }: Failure): Recorded => ({ outcome: 'failed', code, details });

/** How what is under way ends, or that it has not ended yet. */
async function withinLimit(ended: Promise<Ended>, verb: string, row: Verb): Promise<Ended> {
  const limit = timeLimit(row.timeoutMs);
  try {
    const { recorded } = await untilCutOff(ended, limit.signal, () => timedOut(verb, row));
    return { recorded, replayed: true };
  } catch (error) {
    if (limit.signal.aborted && error instanceof Failure) return { recorded: failed(error), replayed: true };
    throw error;
  } finally {
    limit.end();
  }
}
