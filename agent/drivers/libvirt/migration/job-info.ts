/** How far a job of libvirt's on a guest is. */
export interface JobInfo {
  /** `none`: there is none. */
  type: string;
  /** `Outgoing migration`, where libvirt says so. */
  operation: string;
  /** Undefined before it knows. */
  percent: number | undefined;
  /** What is left, as virsh says it: `12.3 MiB`. */
  left: string | undefined;
}

/**
 * What `virsh domjobinfo` prints.
 *
 * Shape: `Label:   value`, a line each; amounts as `1.234 MiB`.
 * Source: virsh(1)
 */
export function parseJobInfo(stdout: string): JobInfo {
  const field = (label: string): string | undefined => new RegExp(`^${label}:\\s+(.+?)\\s*$`, 'm').exec(stdout)?.[1];
  const [processed, total] = [bytesOf(field('Data processed')), bytesOf(field('Data total'))];
  const left = bytesOf(field('Data remaining'));
  return {
    type: (field('Job type') ?? 'None').toLowerCase(),
    operation: field('Operation') ?? '',
    // Pages that are written to are sent again: what is sent may be more than all there is.
    percent:
      total && left !== undefined && processed !== undefined ? Math.round(100 - (100 * left) / total) : undefined,
    left: field('Data remaining'),
  };
}

const UNITS: Readonly<Record<string, number>> = { B: 0, KiB: 1, MiB: 2, GiB: 3, TiB: 4, PiB: 5, EiB: 6 };

function bytesOf(text: string | undefined): number | undefined {
  const [, amount, unit = ''] = /^([\d.]+) (\w+)$/.exec(text ?? '') ?? [];
  const power = UNITS[unit];
  return amount === undefined || power === undefined ? undefined : Number(amount) * 1024 ** power;
}
