/** What one look found. */
export type Verdict = { ok: true } | { ok: false; why: string };

/**
 * Look once. What is looked at decides the verdict and is never thrown; what is thrown is a fault of ours, or the signal's reason.
 * When the signal fires nobody waits for the verdict any more, and what the look holds is to be let go.
 */
export type Look = (signal: AbortSignal) => Promise<Verdict>;

export const GOOD: Verdict = { ok: true };
export const bad = (why: string): Verdict => ({ ok: false, why });
