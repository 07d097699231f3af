import { Failure, type FailureCode } from '#shared/errors.ts';

/** Words of zoneadm and zonecfg for what went wrong, and the row that they mean. The first that fits counts. */
const ROWS: readonly (readonly [RegExp, FailureCode])[] = [
  [/No such zone configured|zone does not exist|no such zone/i, 'guest-not-found'],
  [
    /must be (?:installed|running|halted|configured)|is already (?:running|installed|ready|booted)|already (?:running|installed)|not running|is incomplete|uninstall required|operation is invalid for|is not (?:installed|running|ready)/i,
    'guest-wrong-state',
  ],
  [/already (?:exists|configured)/i, 'guest-exists'],
];

/** What illumos said, without the parts that are the same for every error. */
export const problemOf = (stderr: string): string =>
  stderr
    .split('\n')
    .map((line) => line.replace(/^(?:zoneadm|zonecfg|zlogin|dladm|ipadm): (?:zone '[^']*': )?/, '').trim())
    .filter((line) => line !== '')
    .join(': ');

/** The row that a refusal of zoneadm or zonecfg means. Source: facts of zoneadm.c and zonecfg.c; recorded in test/fixtures/zones/ */
export const codeOfRefusal = (error: unknown): FailureCode | undefined =>
  error instanceof Failure && error.code === 'host-command'
    ? ROWS.find(([words]) => words.test(String(error.details.problem)))?.[1]
    : undefined;

/** Whether the zone of a command is not there. */
export const isAbsentZone = (error: unknown): boolean => codeOfRefusal(error) === 'guest-not-found';

/** The same failure with what illumos itself said, and no more. */
export function plainly(error: unknown): unknown {
  if (!(error instanceof Failure) || error.code !== 'host-command') return error;
  return new Failure(
    'host-command',
    { ...error.details, problem: problemOf(String(error.details.problem)) },
    { cause: error },
  );
}
