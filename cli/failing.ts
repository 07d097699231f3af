import { Failure, type FailureCode } from '#shared/errors.ts';

/** Exit codes of `skerry`; docs/cli.md has them for people. */
export const EXIT = { done: 0, failed: 1, usage: 2, unreachable: 3, refused: 4 } as const;

const UNREACHABLE: ReadonlySet<FailureCode> = new Set([
  'server-unreachable',
  'tls-missing',
  'tls-untrusted',
  'login-refused',
  'not-connected',
  'no-answer',
  'host-unreachable',
]);
const USAGE: ReadonlySet<FailureCode> = new Set([
  'bad-argument',
  'verb-unknown',
  'config-invalid',
  'confirmation-required',
]);

export function exitOf(error: unknown): number {
  if (!(error instanceof Failure)) return EXIT.failed;
  if (UNREACHABLE.has(error.code)) return EXIT.unreachable;
  if (USAGE.has(error.code)) return EXIT.usage;
  return error.code === 'not-permitted' ? EXIT.refused : EXIT.failed;
}
