import type { ConsoleKeeper } from '#agent/consoles/keeper.ts';
import { typedBytes } from '#agent/consoles/typed.ts';
import type { Inventory } from '#agent/inventory/inventory.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import type { May } from '#shared/verb/policy.ts';
import type { consoleVerbs } from '#shared/verbs/console.ts';

export interface ConsoleDeps {
  consoles: ConsoleKeeper;
  inventory: Inventory;
  may: May;
}

export function consoleHandlers({ consoles, inventory, may }: ConsoleDeps): Handlers<typeof consoleVerbs> {
  return {
    'console.list': async (_, { requester }) =>
      consoles.list().filter(({ guest }) => may(requester, 'console.read', { guest })),
    'console.read': async ({ guest, lines, from }) => consoles.read(inventory.guest(guest), { lines, from }),
    'console.watch': async ({ guest: name, on, forS }, { requester, surface }) => {
      const guest = inventory.guest(name);
      const to = requester.fullJid;
      if (on) consoles.watch(guest, { to, style: surface === 'chat' ? 'text' : 'bytes' }, forS * 1000);
      else consoles.unwatch(to, guest);
      return consoles.info(guest);
    },
    'console.send': async ({ guest: name, text, enter }) => {
      const guest = inventory.guest(name);
      await consoles.write(guest, typedBytes(text, enter));
      return consoles.info(guest);
    },
  };
}
