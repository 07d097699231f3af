import type { GuestId } from '#agent/drivers/driver.ts';
import { Failure } from '#shared/errors.ts';
import { isActive } from '#shared/model/guest.ts';
import { agentState } from './definition.ts';
import { failedWith, type Ground } from './ground.ts';
import { readGuest, readXml } from './reading.ts';

/** An agent answers in milliseconds, or else it hangs; virsh counts in whole seconds. */
const PING_S = 2;
const PING = JSON.stringify({ execute: 'guest-ping' });

/**
 * Ask QEMU's guest agent for a sign of life.
 *
 * @throws Failure guest-agent-silent, guest-wrong-state, guest-not-found
 * Source: https://qemu.readthedocs.io/en/latest/interop/qemu-ga-ref.html, guest-ping
 */
export async function pingGuestAgent(ground: Ground, id: GuestId, signal: AbortSignal): Promise<void> {
  const guest = await readGuest(ground, id, signal);
  if (!isActive(guest.state))
    throw new Failure('guest-wrong-state', {
      guest: guest.name,
      state: guest.state,
      needed: 'running',
      verb: 'asking its agent',
    });
  const silent = (problem: string, cause?: unknown): Failure =>
    new Failure('guest-agent-silent', { guest: guest.name, problem }, { cause });
  const state = agentState(await readXml(ground, id, signal));
  if (state === 'none') throw silent('its definition has no channel for one');
  if (state === 'disconnected') throw silent('it is not there');
  try {
    const words = ['qemu-agent-command', id, PING, '--timeout', String(PING_S)];
    await ground.virsh.slow(words, signal, (PING_S + 1) * 1_000);
  } catch (error) {
    if (!failedWith(error, 'host-command', 'host-timeout', 'guest-wrong-state')) throw error;
    throw silent('it was asked, and said nothing', error);
  }
}
