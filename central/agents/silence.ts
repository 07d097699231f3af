import type { Failure } from '#shared/errors.ts';

/** What the server answers for an account that is not there at the moment. */
const ABSENT: ReadonlySet<string> = new Set([
  'recipient-unavailable',
  'remote-server-not-found',
  'service-unavailable',
]);

/** Whether the server said that the agent is not there. */
export const isAbsent = ({ code, details }: Failure): boolean =>
  code === 'peer-refused' && ABSENT.has(String(details.condition));

/** Whether nobody answered: what was asked may have got there, or get there yet. */
export const isLost = ({ code }: Failure): boolean => code === 'no-answer' || code === 'not-connected';
