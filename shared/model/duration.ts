import { z } from 'zod';

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;
const YEAR_MS = 366 * 24 * UNIT_MS.h;
const RIGHT = 'write a time with its unit, such as 500ms, 30s, 5m or 1h';

/** A time as people write it, read as milliseconds. A bare number would leave its unit to guessing, and is refused. */
export const Duration = z
  .string({ error: RIGHT })
  .regex(/^\d{1,9}(\.\d{1,3})?(ms|s|m|h)$/, RIGHT)
  .transform((text) => {
    const unit = text.replace(/^[\d.]+/, '') as keyof typeof UNIT_MS;
    return Math.round(Number.parseFloat(text) * UNIT_MS[unit]);
  })
  .refine((ms) => ms <= YEAR_MS, 'at most a year');

/** A time in which something is to happen. */
export const Timeout = Duration.refine((ms) => ms > 0, 'write more than no time at all');

/** A time for people: `450 ms`, `12 s`, `3 min 5 s`, `2 h 10 min`. */
export function spokenMs(ms: number): string {
  if (Math.round(ms) < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  const s = Math.round(ms / 1_000);
  if (s < 60) return `${s} s`;
  const [whole, part, words] =
    s < 3_600
      ? [Math.floor(s / 60), s % 60, ['min', 's']]
      : [Math.floor(s / 3_600), Math.floor((s % 3_600) / 60), ['h', 'min']];
  return part === 0 ? `${whole} ${words[0]}` : `${whole} ${words[0]} ${part} ${words[1]}`;
}
