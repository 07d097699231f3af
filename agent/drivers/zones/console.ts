import type { GuestId, SerialPort } from '#agent/drivers/driver.ts';
import { startOnTerminal } from '#agent/exec/terminal.ts';
import { Failure } from '#shared/errors.ts';
import { isActive } from '#shared/model/guest.ts';
import { type Ground, zoneOf } from './ground.ts';
import { GUEST_STATE } from './states.ts';

/**
 * Open the console of a zone that runs, by `zlogin -C` on a terminal of its own: with no escape character, no words of its own, and an end when
 * the zone is off. There is one console, and one may have it at a time.
 *
 * @throws Failure console-closed, guest-not-found
 */
export async function openConsole(ground: Ground, id: GuestId, signal: AbortSignal): Promise<SerialPort> {
  const { name, state } = await zoneOf(ground, id, signal);
  const guestState = GUEST_STATE[state];
  if (!isActive(guestState)) throw new Failure('console-closed', { guest: name, state: guestState });
  const terminal = startOnTerminal(['zlogin', '-C', '-d', '-E', '-Q', name], ground.terminal);
  return {
    ...terminal,
    write: async (bytes) => {
      try {
        await terminal.write(bytes);
      } catch (error) {
        throw new Failure('console-closed', { guest: name, state: 'shutoff' }, { cause: error });
      }
    },
  };
}
