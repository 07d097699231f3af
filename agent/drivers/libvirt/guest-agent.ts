import type { DriverGuest, GuestId } from '#agent/drivers/driver.ts';
import { Failure } from '#shared/errors.ts';
import { isActive } from '#shared/model/guest.ts';
import { agentState } from './definition.ts';
import { failedWith, type Ground } from './ground.ts';
import { readGuest, readXml } from './reading.ts';

/** An agent answers in milliseconds, or else it hangs; virsh counts in whole seconds. */
const ANSWER_S = 2;

/** A guest that runs, and has an agent inside. @throws Failure guest-agent-silent, guest-wrong-state, guest-not-found */
export async function guestWithAgent(
  ground: Ground,
  id: GuestId,
  verb: string,
  signal: AbortSignal,
): Promise<DriverGuest> {
  const guest = await readGuest(ground, id, signal);
  if (!isActive(guest.state))
    throw new Failure('guest-wrong-state', { guest: guest.name, state: guest.state, needed: 'running', verb });
  const state = agentState(await readXml(ground, id, signal));
  if (state === 'none') throw silent(guest, 'its definition has no channel for one');
  if (state === 'disconnected') throw silent(guest, 'it is not there');
  return guest;
}

/** What libvirt says where an agent said nothing, and not where it refused. */
const SAID_NOTHING = /agent is not (?:responding|connected|available)|agent not available|timed? ?out/i;

/**
 * Ask QEMU's guest agent to do something, and return what it answers.
 *
 * libvirt speaks to it, and begins each time with `guest-sync`: no answer of before is taken for this one.
 * @throws Failure guest-agent-silent; host-command with what the agent refused
 * Source: https://qemu.readthedocs.io/en/latest/interop/qemu-ga-ref.html
 */
export async function askAgent(
  ground: Ground,
  guest: Pick<DriverGuest, 'id' | 'name'>,
  command: { execute: string; arguments?: object },
  signal: AbortSignal,
): Promise<unknown> {
  const words = ['qemu-agent-command', guest.id, ascii(JSON.stringify(command)), '--timeout', String(ANSWER_S)];
  let answer: string;
  try {
    answer = await ground.virsh.slow(words, signal, (ANSWER_S + 1) * 1_000);
  } catch (error) {
    if (failedWith(error, 'host-command') && !SAID_NOTHING.test(error.message)) throw error;
    if (!failedWith(error, 'host-command', 'host-timeout', 'guest-wrong-state')) throw error;
    throw silent(guest, 'it was asked, and said nothing', error);
  }
  return returnedBy(answer, command.execute);
}

/** Ask QEMU's guest agent for a sign of life. @throws Failure guest-agent-silent, guest-wrong-state, guest-not-found */
export async function pingGuestAgent(ground: Ground, id: GuestId, signal: AbortSignal): Promise<void> {
  const guest = await guestWithAgent(ground, id, 'asking its agent', signal);
  try {
    await askAgent(ground, guest, { execute: 'guest-ping' }, signal);
  } catch (error) {
    if (!failedWith(error, 'host-command')) throw error;
    throw silent(guest, 'it was asked, and said nothing', error);
  }
}

const silent = ({ name }: Pick<DriverGuest, 'name'>, problem: string, cause?: unknown): Failure =>
  new Failure('guest-agent-silent', { guest: name, problem }, { cause });

/** A line of virsh holds no control characters, and JSON can say every other letter in ASCII. */
const ascii = (json: string): string =>
  json.replace(/[\u007f-\uffff]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** Shape: `{"return": …}` */
function returnedBy(answer: string, command: string): unknown {
  try {
    return (JSON.parse(answer) as { return: unknown }).return;
  } catch (error) {
    throw new Failure('host-output', { problem: `the guest agent answered ${command} with no JSON` }, { cause: error });
  }
}
