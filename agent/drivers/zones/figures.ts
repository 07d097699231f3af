import { Failure } from '#shared/errors.ts';
import type { GuestStats } from '#shared/model/guest.ts';

/**
 * The figures that `kstat -p` prints of a zone; nothing of one that has just gone.
 *
 * Shape: `zones:3:web1:nsec_user`, a tab, and a number, a line a figure.
 * Units: nanoseconds.
 * @throws Failure host-output, naming the line
 * Source: kstat(8)
 */
export function figuresOf(stdout: string): Pick<GuestStats, 'cpuTimeS'> {
  const lines = stdout.split('\n').filter((line) => line !== '');
  if (lines.length === 0) return {};
  const ns = lines.map((line) => {
    const [, digits] = /^zones:\d+:.*:nsec_(?:user|sys)\t(\d+)$/.exec(line) ?? [];
    if (digits === undefined) throw new Failure('host-output', { problem: `kstat printed ${JSON.stringify(line)}` });
    return Number(digits);
  });
  return { cpuTimeS: ns.reduce((sum, each) => sum + each, 0) / 1e9 };
}
