import { Failure, type FailureCode, messageOf } from '#shared/errors.ts';

/** Exit codes of `skerry`; docs/cli.md has them for people. */
export const EXIT = { done: 0, failed: 1, usage: 2, unreachable: 3, refused: 4, interrupted: 130 } as const;

const UNREACHABLE: ReadonlySet<FailureCode> = new Set([
  'server-unreachable',
  'tls-missing',
  'tls-untrusted',
  'login-refused',
  'not-connected',
  'no-answer',
  'host-unreachable',
  'operation-uncertain',
  'setup-needed',
]);
const USAGE: ReadonlySet<FailureCode> = new Set([
  'bad-argument',
  'verb-unknown',
  'host-not-found',
  'config-invalid',
  'confirmation-required',
]);

export function exitOf(error: unknown): number {
  if (!(error instanceof Failure)) return EXIT.failed;
  if (UNREACHABLE.has(error.code)) return EXIT.unreachable;
  if (USAGE.has(error.code)) return EXIT.usage;
  return error.code === 'not-permitted' ? EXIT.refused : EXIT.failed;
}

/** What was carried out, and found out that something is bad: `network check`, `host probe`. */
export function exitOfFound(value: unknown): number {
  const isBad = (record: unknown): boolean => (record as { verdict?: unknown } | null)?.verdict === 'bad';
  return (Array.isArray(value) ? value.some(isBad) : isBad(value)) ? EXIT.failed : EXIT.done;
}

/** Details of a failure lose their line ends on the wire, as XML's attributes do; the text beside them keeps them. */
function inLines(error: unknown): string {
  const text = messageOf(error);
  const sent = error instanceof Failure && error.cause instanceof Error ? error.cause.message : text;
  const isSame = sent.replaceAll(/\s+/g, ' ') === text.replaceAll(/\s+/g, ' ');
  return isSame ? sent : text;
}

/** Say on stderr what went wrong: in words, or for programs as one line of JSON with the row of the failure table. */
export function tell(error: unknown, { json }: { json: boolean }, host?: string): void {
  const text = inLines(error);
  if (!json) console.error(host === undefined ? text : `${host}: ${text}`);
  else console.error(JSON.stringify({ failure: error instanceof Failure ? error.code : 'internal', host, text }));
}
