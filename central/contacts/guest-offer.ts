import { z } from 'zod';
import type { Offer } from '#shared/verb/offer.ts';
import { rowOf, type Verb, type VerbTable } from '#shared/verb/verb.ts';

/**
 * What a guest offers on its own JID: the verbs of central that are about a guest, with that guest in its place. So a form of
 * `venti@central.example.org` has no field for the guest, and in chat `start` is enough.
 *
 * @param lacks whether what drives the guest cannot do it: it is not listed
 */
export function guestOffer(site: Offer, contact: string, lacks: (verb: string) => boolean): Offer {
  const table = guestTable(site.table);
  const own = (verb: string): string => guestArgOf(site.table, verb);
  return {
    ...site,
    table,
    may: (requester, verb) => !lacks(verb) && site.may(requester, verb, { guest: contact }),
    choices: (kind, requester) => (kind === 'guest' ? [contact] : site.choices(kind, requester)),
    perform: (request) =>
      rowOf(table, request.verb)
        ? site.perform({ ...request, args: { ...request.args, [own(request.verb)]: contact } })
        : site.perform(request),
  };
}

const made = new WeakMap<VerbTable, VerbTable>();

/** The rows of a table that name a guest, without the argument that names it. */
export function guestTable(table: VerbTable): VerbTable {
  const known = made.get(table);
  if (known) return known;
  const rows = Object.entries(table).flatMap(([verb, row]) => (isOfOne(row) ? [[verb, withoutGuest(row)]] : []));
  const own: VerbTable = Object.fromEntries(rows);
  made.set(table, own);
  return own;
}

/** A guest that is to be made has no JID yet. */
const isOfOne = ({ guestArg, hostArg }: Verb): boolean => guestArg !== undefined && hostArg === undefined;

function withoutGuest({ guestArg, ...row }: Verb): Verb {
  const { [guestArg ?? '']: _, ...shape } = row.args.shape;
  const { example, ...rest } = row;
  return {
    ...rest,
    args: z.strictObject(shape),
    positional: row.positional.filter((name) => name !== guestArg),
    ...(example ? { example: exampleWithout(example) } : {}),
  };
}

/** `guest start venti paused=yes` as one types it to the guest itself. */
const exampleWithout = (example: string): string => {
  const [noun = '', action = '', , ...rest] = example.split(' ');
  return [noun, action, ...rest].join(' ');
};

const guestArgOf = (table: VerbTable, verb: string): string => rowOf(table, verb)?.guestArg ?? 'guest';
