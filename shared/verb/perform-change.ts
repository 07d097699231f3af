import { Failure } from '#shared/errors.ts';
import type { Job } from '#shared/model/job.ts';
import { auditRecord, withoutSecrets } from './audit.ts';
import { turnstile } from './perform-bounds.ts';
import type { PerformDeps, Recorded } from './perform-deps.ts';
import { cutOffBy, type RunVerb } from './perform-run.ts';
import type { Request } from './request.ts';
import type { Verb, VerbTable } from './verb.ts';

/** How a request ended. `replayed`: nothing was done now, it had been asked before. */
export interface Ended {
  recorded: Recorded;
  replayed: boolean;
}

type ChangeDeps = Pick<PerformDeps<VerbTable>, 'journal' | 'now'> & {
  run: RunVerb;
  failureOf(error: unknown): Failure;
};

/**
 * Carry out a change, once for each operation id: one that ended is answered from the journal, one that is under way is joined.
 *
 * Changes of one guest wait for each other. A job gives its place up as soon as it is begun, and job.cancel names no guest,
 * so that a poweroff and a cancel overtake a shutdown that waits for its guest. The journal is written when the turn has come and nothing
 * is left to do but to act: what was cut off while it waited has no entry, and may be asked again.
 */
export function changer({ journal, now, run, failureOf }: ChangeDeps) {
  const underWay = new Map<string, { asked: string; ended: Promise<Ended> }>();
  const inTurn = turnstile();

  const carryOut = async (request: Request, row: Verb, args: Record<string, unknown>): Promise<Ended> => {
    if (request.signal?.aborted) throw cutOffBy(request);
    const beganAt = now();
    const earlier = await journal.begin(request, args, withoutSecrets(row, args));
    if (earlier) return { recorded: earlier, replayed: true };
    const recorded = await run(request, row, args).then(
      (value): Recorded => (row.job ? { outcome: 'job', job: (value as Job).id } : { outcome: 'done', value }),
      (error): Recorded => {
        const { code, details } = failureOf(error);
        return { outcome: 'failed', code, details };
      },
    );
    await journal.end(request, recorded, auditRecord(request, row, args, recorded, { beganAt, endedAt: now() }));
    return { recorded, replayed: false };
  };

  const once = async (request: Request, row: Verb, args: Record<string, unknown>): Promise<Ended> => {
    if (request.supersedes?.length) await journal.supersede?.(request, request.supersedes);
    const recorded = await journal.find(request, args);
    if (recorded) return { recorded, replayed: true };
    return inTurn(row.guestArg ? String(args[row.guestArg] ?? '') : '', () => carryOut(request, row, args));
  };

  return async (request: Request, row: Verb, args: Record<string, unknown>): Promise<Ended> => {
    const { requester, operation, verb } = request;
    const key = `${requester.bareJid} ${operation}`;
    const asked = JSON.stringify([verb, args]);
    const joined = underWay.get(key);
    if (joined && joined.asked !== asked) throw new Failure('operation-mismatch', { operation });
    if (joined) return { ...(await joined.ended), replayed: true };
    const ended = once(request, row, args);
    underWay.set(key, { asked, ended });
    try {
      return await ended;
    } finally {
      underWay.delete(key);
    }
  };
}
