import { Failure } from '#shared/errors.ts';
import type { Request, Requester } from './request.ts';
import { type ArgsOf, idOf, type Risk, rowOf, spokenOf, type Verb, type VerbTable } from './verb.ts';

/** What a question is asked with: no request is carried out yet. */
export interface Asking {
  verb: string;
  requester: Requester;
  signal: AbortSignal;
}

/**
 * What this call of a verb would do, in words that go before "may lose work or data": `guest poweroff on 2 guests (fossil, venti)`.
 * Undefined: the verb and what it names say it.
 *
 * @throws Failure why it would be refused anyway: then nobody is asked
 */
export type Question<V> = (args: ArgsOf<V>, asking: Asking) => string | undefined | Promise<string | undefined>;

export type Questions<T extends VerbTable> = { readonly [K in keyof T]?: Question<T[K]> };

/** Longer than this nobody waits to be asked. */
const QUESTION_MS = 20_000;

/** The risk of one call: of a verb that carries out another, the other's. */
export function riskOf(table: VerbTable, row: Verb, args: Readonly<Record<string, unknown>>): Risk {
  const named = row.riskArg === undefined ? undefined : args[row.riskArg];
  return (typeof named === 'string' ? rowOf(table, idOf(named))?.risk : undefined) ?? row.risk;
}

/** @throws Failure confirmation-required: it may lose work, and nobody has said yes yet; what its question throws */
export async function requireYes<T extends VerbTable>(
  { table, questions }: { table: T; questions?: Questions<T> | undefined },
  { verb, requester, confirmed, signal }: Request,
  row: Verb,
  args: Readonly<Record<string, unknown>>,
): Promise<void> {
  if (confirmed || riskOf(table, row, args) !== 'destroy') return;
  const limit = AbortSignal.timeout(QUESTION_MS);
  const asking = { verb, requester, signal: signal ? AbortSignal.any([limit, signal]) : limit };
  const question = questions?.[verb] as Question<Verb> | undefined;
  const what = (await question?.(args, asking)) ?? callText(verb, row, args);
  throw new Failure('confirmation-required', { verb: what, how: 'confirm it' });
}

/** `guest poweroff venti` */
function callText(verb: string, { guestArg, hostArg }: Verb, args: Readonly<Record<string, unknown>>): string {
  const named = [guestArg, hostArg].map((name) => args[name ?? '']).filter((name) => name !== undefined);
  return [spokenOf(verb), ...named].join(' ');
}

/** What a refusal for want of a yes says that it is about. */
export const toConfirm = ({ details }: Failure): string => `${details.verb} may lose work or data.`;
