import { Failure } from '#shared/errors.ts';

const BYTES: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/**
 * MiB of an amount with a scale, as zonecfg(8) has them: `512M`, `1.5g`, `536870912`.
 *
 * @throws Failure host-output
 */
export function mibOf(text: string): number {
  const [, digits = '', scale = ''] = /^(\d+(?:\.\d+)?)([kmgt]?)b?$/i.exec(text) ?? [];
  const bytes = digits === '' ? Number.NaN : Number(digits) * (BYTES[scale.toUpperCase()] ?? Number.NaN);
  if (!Number.isFinite(bytes))
    throw new Failure('host-output', { problem: `${JSON.stringify(text)} is no amount of memory` });
  return Math.floor(bytes / 2 ** 20);
}

/**
 * Whole CPUs of a number or a range as zonecfg(8) has them: `1.25`, `.75`, `2`, `1-4`.
 *
 * @throws Failure host-output
 */
export function cpusOf(text: string): number {
  const [, most = ''] = /^(?:\d+-)?(\d*\.?\d+|\d+\.)$/.exec(text) ?? [];
  const cpus = Math.ceil(Number(most || Number.NaN));
  if (!Number.isFinite(cpus))
    throw new Failure('host-output', { problem: `${JSON.stringify(text)} is no number of CPUs` });
  return cpus;
}
