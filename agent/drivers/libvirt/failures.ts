import { Failure, type FailureCode } from '#shared/errors.ts';
import { VirshError } from './virsh-session.ts';

/** virsh's words for what went wrong, and the row that they mean. The first that fits counts. */
const ROWS: readonly (readonly [RegExp, FailureCode])[] = [
  [/failed to get domain|Domain not found|no domain with matching/i, 'guest-not-found'],
  [
    /failed to connect|failed to reconnect|client socket is closed|End of file while reading data|Cannot (?:recv|write) data|no connection driver available|connection was closed|virsh ended/i,
    'host-unreachable',
  ],
  [
    /domain is already (?:active|running|paused|being started)|domain .*is (?:already active|already running|not running|not active)|domain '.*' (?:not running|not paused|is already)|domain is not (?:active|running|paused|suspended)|domain is transitioning/i,
    'guest-wrong-state',
  ],
  [/already exists with uuid|already defined with uuid|already exists/i, 'guest-exists'],
  [/XML error|unsupported configuration|invalid domain type|XML document failed to validate/i, 'guest-definition'],
];

/** What virsh said, without the parts that are the same for every error. */
export const problemOf = (stderr: string): string =>
  stderr
    .split('\n')
    .map((line) => line.replace(/^error: /, '').trim())
    .filter((line) => line !== '')
    .join(': ');

/**
 * The failure that an error of virsh means; anything else is returned as it is.
 *
 * Source: libvirt 9.0's own messages; recorded in test/fixtures/virsh/errors.txt
 */
export function failureOf(error: unknown, details: { host?: string } = {}): unknown {
  if (!(error instanceof VirshError)) return error;
  const code = ROWS.find(([words]) => words.test(error.message))?.[1] ?? 'host-command';
  return new Failure(
    code,
    { ...details, problem: problemOf(error.message), command: `virsh ${error.command}` },
    { cause: error },
  );
}
