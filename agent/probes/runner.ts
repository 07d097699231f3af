/**
 * Responsibilities: look at each probe again and again, count good looks in a row, and say when there is news.
 *
 * Theory of operation: a round of a probe is one look for each of its tests, side by side; the next round begins `everyMs` after the
 * beginning of the last, and never before all of the last has ended. There is news when the verdict changes, when what was wrong
 * changes, when the count reaches what is wanted, and while good often enough that what was told last is never older than half of
 * what counts as fresh.
 *
 * What can go wrong: looks that take long. They end at their limit, which is a bad verdict; and one that does not end then holds up
 * its own probe only, since all probes together have a bound that only ended looks leave.
 */
import type { Clock } from '#shared/clock.ts';
import { type Probe, WHY_CHARS_MAX } from '#shared/model/probe.ts';
import { type LimitedDeps, limited, limitOf } from './gate.ts';
import { GOOD, type Look, type Verdict } from './look.ts';

/** How a probe is, by the clock here. */
export interface Standing {
  id: string;
  since: number;
  good: number;
  /** When the first of the good looks in a row began; of a bad one, when that did. */
  from: number;
  /** When the last look began. */
  at: number;
  why?: string;
}

export interface RunnerDeps extends LimitedDeps {
  /** A look for each of the probe's tests. */
  looksOf(probe: Probe): readonly Look[];
  /** There is news of a probe. */
  tell(standing: Standing): void;
}

export interface Runner {
  /** What is wanted from now on. A probe that is wanted as before goes on, and is told again. */
  replace(probes: readonly Probe[]): void;
  stop(): void;
}

interface Kept {
  text: string;
  retell(): void;
  end(): void;
}

export function probeRunner(deps: RunnerDeps): Runner {
  const kept = new Map<string, Kept>();
  const replace = (probes: readonly Probe[]): void => {
    const wanted = new Map(probes.map((probe) => [probe.id, probe]));
    for (const [id, { end }] of kept)
      if (!wanted.has(id)) {
        end();
        kept.delete(id);
      }
    for (const [id, probe] of wanted) {
      const text = JSON.stringify(probe);
      const known = kept.get(id);
      if (known?.text === text) known.retell();
      else {
        known?.end();
        kept.set(id, { text, ...repeated(probe, deps) });
      }
    }
  };
  return { replace, stop: () => replace([]) };
}

/** One probe, from now until its end. */
function repeated(probe: Probe, deps: RunnerDeps): Omit<Kept, 'text'> {
  const { clock, tell, onBug } = deps;
  const looks = deps.looksOf(probe);
  const ended = new AbortController();
  const limitMs = limitOf(probe.everyMs);
  let standing: Standing | undefined;
  let toldAt = Number.NEGATIVE_INFINITY;
  let callOff = (): void => {};

  const tellNow = (): void => {
    if (!standing) return;
    toldAt = clock.now();
    tell(standing);
  };
  const round = async (): Promise<void> => {
    const under = looks.map((look) => limited(look, limitMs, deps, ended.signal));
    const found = await Promise.all(under.map(({ looked }) => looked));
    const began = Math.min(...found.map((each) => each.began));
    const verdict = joined(
      probe.mode,
      found.map((each) => each.verdict),
    );
    if (ended.signal.aborted) return;
    const before = standing;
    standing = after(probe, before, verdict, began);
    if (isNews(probe, before, standing, toldAt, clock)) tellNow();
    await Promise.all(under.map(({ over }) => over));
    if (!ended.signal.aborted) callOff = clock.after(Math.max(0, began + probe.everyMs - clock.now()), begin);
  };
  const begin = (): void => void round().catch(onBug);
  begin();
  return {
    retell: tellNow,
    end: () => {
      ended.abort(new Error('the probe is not wanted any more'));
      callOff();
    },
  };
}

function after({ id, since }: Probe, before: Standing | undefined, verdict: Verdict, began: number): Standing {
  if (!verdict.ok) return { id, since, good: 0, from: began, at: began, why: verdict.why.slice(0, WHY_CHARS_MAX) };
  const isRow = before !== undefined && before.good > 0;
  return { id, since, good: (isRow ? before.good : 0) + 1, from: isRow ? before.from : began, at: began };
}

function isNews(
  { good, freshMs, everyMs }: Probe,
  before: Standing | undefined,
  now: Standing,
  toldAt: number,
  clock: Clock,
): boolean {
  if (!before || before.good > 0 !== now.good > 0 || before.why !== now.why) return true;
  if (now.good === 0) return false;
  // Not later than with this round, if the next would be too late.
  return now.good === good || clock.now() + everyMs > toldAt + freshMs / 2;
}

/** The verdicts of a probe's tests as one. */
function joined(mode: Probe['mode'], verdicts: readonly Verdict[]): Verdict {
  const whys = verdicts.flatMap((verdict) => (verdict.ok ? [] : [verdict.why]));
  const isGood = mode === 'all' ? whys.length === 0 : whys.length < verdicts.length;
  return isGood ? GOOD : { ok: false, why: [...new Set(whys)].join('; ') };
}
