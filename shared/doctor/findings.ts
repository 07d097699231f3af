import type { Finding } from '#shared/model/host.ts';

export const ok = (check: string, found: string): Finding => ({ check, verdict: 'ok', found });
export const warning = (check: string, found: string, mend: string): Finding => ({
  check,
  verdict: 'warning',
  found,
  mend,
});
export const wrong = (check: string, found: string, mend: string): Finding => ({
  check,
  verdict: 'wrong',
  found,
  mend,
});
