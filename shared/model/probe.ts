import { z } from 'zod';
import { EVERY_MS_MAX, EVERY_MS_MIN, ReadyTest } from './chain-ready.ts';

/** The most probes of one host at once. */
export const PROBES_MAX = 1_000;
export const WHY_CHARS_MAX = 300;

/** What a host can look at. Presences are told to central alone, so central looks at those itself. */
export const ProbeTest = ReadyTest.refine(
  ({ presence }) => presence === undefined,
  'an agent sees no presences: central looks at those',
);

/** Tests that a host looks at again and again. */
export const Probe = z.strictObject({
  id: z.string().min(1).max(200),
  /** The guest that `state`, `agent` and `console` are of, by its name at the hypervisor; without it, `state` is the host's. */
  guest: z.string().min(1).max(255).optional(),
  /** Since when answers count: a mark of whoever asks, which each answer carries back. Another one begins the count anew. */
  since: z.int().nonnegative(),
  tests: z.array(ProbeTest).min(1).max(32),
  mode: z.enum(['all', 'any']),
  everyMs: z.int().min(EVERY_MS_MIN).max(EVERY_MS_MAX),
  good: z.int().min(1).max(1_000),
  freshMs: z.int().min(EVERY_MS_MIN),
});
export type Probe = z.infer<typeof Probe>;

/** All that is wanted of one host. A set takes the place of the one before; a larger version is newer. */
export const ProbeSet = z
  .strictObject({ version: z.int().nonnegative(), probes: z.array(Probe).max(PROBES_MAX) })
  .refine(({ probes }) => new Set(probes.map(({ id }) => id)).size === probes.length, 'two probes have one id');
export type ProbeSet = z.infer<typeof ProbeSet>;

/** How a probe is. `from` and `at` are ages, since the clocks of two machines differ. */
export const ProbeAnswer = z.strictObject({
  id: z.string().min(1).max(200),
  /** As the probe says. */
  since: z.int().nonnegative(),
  /** Good looks in a row; 0 after a bad one. */
  good: z.int().nonnegative(),
  /** How long ago the first of those looks began, ms. */
  from: z.int().nonnegative(),
  /** How long ago the last look began, ms. */
  at: z.int().nonnegative(),
  /** What was wrong, in words. */
  why: z.string().max(WHY_CHARS_MAX).optional(),
});
export type ProbeAnswer = z.infer<typeof ProbeAnswer>;

export const ProbeAnswers = z.strictObject({ answers: z.array(ProbeAnswer).max(PROBES_MAX) });
export type ProbeAnswers = z.infer<typeof ProbeAnswers>;

/** An answer's looks by the clock of whoever got it, at `now`. */
export const placedAt = ({ good, from, at }: ProbeAnswer, now: number): { good: number; from: number; at: number } => ({
  good,
  from: now - from,
  at: now - at,
});

export const ProbeKind = z.enum(['tcp', 'http', 'dns', 'nbd', 'state', 'agent', 'console', 'command']);
export type ProbeKind = z.infer<typeof ProbeKind>;

/** One look, as a person asked for it. */
export const ProbeLook = z
  .strictObject({
    verdict: z.enum(['good', 'bad']).meta({ title: 'Verdict' }),
    kind: ProbeKind.meta({ title: 'Kind' }),
    target: z.string().meta({ title: 'Target' }),
    tookMs: z.int().nonnegative().meta({ title: 'Took', unit: 'ms' }),
    why: z.string().optional().meta({ title: 'Why', description: 'What was wrong.' }),
  })
  .meta({ line: '{verdict} · {kind} {target} · {tookMs} ms · {why}' });
export type ProbeLook = z.infer<typeof ProbeLook>;

/**
 * What one must be allowed to do for a look: what tells the same of a guest; and for what is out on a network, to look from a host
 * without being held to some guests only (`guest` is then empty).
 */
export function sightOf({ kind, target }: Pick<ProbeLook, 'kind' | 'target'>): { verb: string; guest: string } {
  if (kind === 'console') return { verb: 'console.read', guest: target };
  if (kind === 'state' || kind === 'agent') return { verb: 'guest.info', guest: target };
  return { verb: 'host.probe', guest: '' };
}
