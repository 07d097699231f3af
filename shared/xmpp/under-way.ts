/**
 * Responsibilities: let whoever waits for the answer of an operation find out soon that none will come.
 *
 * Theory of operation: who asks a verb is owed an answer until it is sent. `<operation xmlns="urn:skerry:under-way:1" id="..."/>`
 * asks whether one is owed. XMPP keeps the order of stanzas between two addresses: where the answer is no, and the operation's own answer
 * has not come, it never will. The question was lost on its way, or the answer was, or the process that had it is gone; the same
 * operation may then be asked again at once. To ask so costs the peer a look into a map, runs nothing, and writes nothing down.
 * Docs: docs/protocol.md.
 *
 * What can go wrong: a peer from before there was this refuses it, as the server does for a peer that is not there. XEP-0199's ping, which
 * each of them answers, tells the two apart.
 */
import xml from '@xmpp/xml';
import { Failure } from '#shared/errors.ts';
import type { Entity } from './entity.ts';
import { StanzaError } from './stanza-error.ts';

export const UNDER_WAY_NS = 'urn:skerry:under-way:1';

/** What a peer is to be asked within: it answers without doing anything. */
const REPLY_MS = 5_000;

/** Keeps account of the answers that are owed, to each address for each operation of its own. */
export function serveUnderWay(entity: Pick<Entity, 'serve'>) {
  const owed = new Map<string, number>();
  const keyOf = (fullJid: string, operation: string): string => JSON.stringify([fullJid, operation]);
  entity.serve('get', UNDER_WAY_NS, 'operation', ({ from, child }) => {
    const { id } = child.attrs;
    if (!id) throw new Failure('bad-argument', { field: 'id', problem: 'is missing' });
    return xml('operation', { xmlns: UNDER_WAY_NS, id, 'under-way': String(owed.has(keyOf(from, id))) });
  });
  return {
    /** An answer is owed while this lasts. */
    async during<T>(fullJid: string, operation: string, work: () => Promise<T>): Promise<T> {
      const key = keyOf(fullJid, operation);
      owed.set(key, (owed.get(key) ?? 0) + 1);
      try {
        return await work();
      } finally {
        const left = (owed.get(key) ?? 1) - 1;
        if (left > 0) owed.set(key, left);
        else owed.delete(key);
      }
    },
  };
}

/**
 * `owed`: the answer will come. `lost`: it will not. `gone`: nobody is there. `silent`: no word, which may come. `unknown`: somebody is
 * there who cannot say.
 */
export type Standing = 'owed' | 'lost' | 'gone' | 'silent' | 'unknown';

/** How it stands with the answer of an operation. The signal, like a lost connection, makes it silent. */
export async function standingOf(
  entity: Pick<Entity, 'request'>,
  jid: string,
  operation: string,
  signal: AbortSignal,
): Promise<Standing> {
  const ask = async (name: string, attrs: Record<string, string>) => {
    const child = xml(name, attrs);
    return (await entity.request({ to: jid, type: 'get', child, timeoutMs: REPLY_MS, signal })).getChild(name);
  };
  try {
    const said = await ask('operation', { xmlns: UNDER_WAY_NS, id: operation });
    return said?.attrs['under-way'] === 'false' ? 'lost' : 'owed';
  } catch (error) {
    if (!(error instanceof StanzaError)) return 'silent';
  }
  return ask('ping', { xmlns: 'urn:xmpp:ping' }).then(
    () => 'unknown',
    (error: unknown) => (error instanceof StanzaError ? 'gone' : 'silent'),
  );
}
