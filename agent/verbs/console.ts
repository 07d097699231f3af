import type { Element } from '@xmpp/xml';
import { watcherFor } from '#agent/consoles/delivery.ts';
import type { ConsoleKeeper } from '#agent/consoles/keeper.ts';
import type { Inventory } from '#agent/inventory/inventory.ts';
import { Failure } from '#shared/errors.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import type { May } from '#shared/verb/policy.ts';
import type { consoleVerbs } from '#shared/verbs/console.ts';

export interface ConsoleDeps {
  consoles: ConsoleKeeper;
  inventory: Inventory;
  may: May;
  send(stanza: Element): void;
}

export function consoleHandlers({ consoles, inventory, may, send }: ConsoleDeps): Handlers<typeof consoleVerbs> {
  return {
    'console.list': async (_, { requester }) =>
      consoles.list().filter(({ guest }) => may(requester, 'console.read', { guest })),
    'console.read': async ({ guest, lines, from }) =>
      consoles.read(inventory.guest(guest), from === undefined ? { lines } : { from }),
    'console.watch': async ({ guest: name, on, forS }, { requester, surface }) => {
      const guest = inventory.guest(name);
      const who = surface === 'chat' ? requester.bareJid : requester.fullJid;
      if (on) consoles.watch(guest, who, forS * 1000, watcherFor(requester, surface, send));
      else consoles.unwatch(guest, who);
      return consoles.info(guest);
    },
    'console.send': async ({ guest: name, text, enter }) => {
      const guest = inventory.guest(name);
      await consoles.send(guest, Buffer.concat([typed(text), Buffer.from(enter ? '\r' : '')]));
      return consoles.info(guest);
    },
  };
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', e: '\u001b', '\\': '\\' };

/** A text with \n, \r, \t, \e, \\ and \xNN as the bytes that they stand for. @throws Failure bad-argument */
export function typed(text: string): Buffer {
  const parts: Buffer[] = [];
  for (const [part = '', byte, letter] of text.matchAll(/\\x([0-9a-fA-F]{2})|\\(.)|\\$|[^\\]+/gsu)) {
    if (byte !== undefined) parts.push(Buffer.from([Number.parseInt(byte, 16)]));
    else if (!part.startsWith('\\')) parts.push(Buffer.from(part));
    else if (letter !== undefined && Object.hasOwn(ESCAPES, letter)) parts.push(Buffer.from(ESCAPES[letter] ?? ''));
    else
      throw new Failure('bad-argument', { field: 'text', problem: `${part} is not one of \\n \\r \\t \\e \\\\ \\xNN` });
  }
  return Buffer.concat(parts);
}
