import { X509Certificate } from 'node:crypto';
import { messageOf } from '#shared/errors.ts';
import type { Finding } from '#shared/model/host.ts';

const DAY_MS = 86_400_000;
const DAYS_WARNING = 30;

/** How long the certificate authorities in a PEM text hold: the first to expire counts. */
export function authorityFinding(pem: string, file: string, nowMs: number): Finding {
  const check = 'certificate authority';
  try {
    const blocks = pem.match(/-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gs) ?? [];
    if (blocks.length === 0) throw new Error(`${file} holds no certificate`);
    const ends = blocks.map((block) => Date.parse(new X509Certificate(block).validTo));
    const days = Math.floor((Math.min(...ends) - nowMs) / DAY_MS);
    const found = days < 0 ? 'it has expired' : `valid for ${days} more days`;
    if (days >= DAYS_WARNING) return { check, verdict: 'ok', found };
    return {
      check,
      verdict: days < 0 ? 'wrong' : 'warning',
      found,
      mend: `put the site's present authority into ${file}`,
    };
  } catch (error) {
    return { check, verdict: 'wrong', found: messageOf(error), mend: `put the site's authority, in PEM, into ${file}` };
  }
}
