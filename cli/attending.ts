import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '#shared/errors.ts';
import type { Entity, IqRequest } from '#shared/xmpp/entity.ts';
import { standingOf } from '#shared/xmpp/under-way.ts';

/** So long a silence is nothing: most verbs are answered within a tenth of it. */
export const SILENCE_MS = 4_000;

/**
 * An entity whose questions of one operation fail as soon as it is known that no answer will come, and not only when their time is over.
 *
 * Who waits asks the peer, after each silence, whether an answer is owed (shared/xmpp/under-way.ts). Simply to ask the same again
 * would find out too, but would run what only reads once more each time, fill the audit trail, and take places of those that a busy
 * central has for one account. So a peer that is busy, or that has long to do, gets one small stanza in a while, and is waited for.
 */
export const attended = (
  entity: Pick<Entity, 'request'>,
  operation: string,
  silenceMs = SILENCE_MS,
): Pick<Entity, 'request'> => ({
  request: async (iq) => {
    const watch = new AbortController();
    const signal = iq.signal ? AbortSignal.any([iq.signal, watch.signal]) : watch.signal;
    const lost = onceLost(entity, iq, { operation, silenceMs, signal: watch.signal });
    lost.then((failure) => failure && watch.abort(failure)).catch(() => {});
    try {
      return await entity.request({ ...iq, signal });
    } finally {
      watch.abort();
    }
  },
});

/** Resolves when the answer is known to be lost; undefined where the peer cannot tell. */
async function onceLost(
  entity: Pick<Entity, 'request'>,
  { to = '' }: IqRequest,
  { operation, silenceMs, signal }: { operation: string; silenceMs: number; signal: AbortSignal },
): Promise<Failure | undefined> {
  const beganAt = performance.now();
  for (;;) {
    await delay(silenceMs, undefined, { signal });
    const standing = await standingOf(entity, to, operation, signal);
    if (standing === 'unknown') return undefined;
    if (standing === 'owed' || standing === 'silent') continue;
    // What came before this word is handled before it counts.
    await delay(0, undefined, { signal });
    const timeoutS = Math.round((performance.now() - beganAt) / 1000);
    return new Failure('no-answer', { peer: to, timeoutS });
  }
}
