import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { Failure } from '#shared/errors.ts';

const ANSWER_MS_MAX = 5_000;

/**
 * Ask haproxy something at its runtime socket; it answers one line of commands and closes.
 *
 * @param folder where its socket is
 * @throws Failure host-command where nobody answers
 */
export async function askHaproxy(folder: string, command: string, signal: AbortSignal): Promise<string> {
  // The path of a socket has at most 107 bytes, and that of the folder may have more.
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  const socket = connect(`/proc/self/fd/${handle.fd}/haproxy.sock`);
  const over = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS_MAX)]);
  const stop = (): void => void socket.destroy(new Error('no answer'));
  over.addEventListener('abort', stop, { once: true });
  try {
    socket.end(`${command}\n`);
    return (await text(socket)).trim();
  } catch (error) {
    signal.throwIfAborted();
    const problem = `haproxy does not answer: ${error instanceof Error ? error.message : String(error)}`;
    throw new Failure('host-command', { problem, command }, { cause: error });
  } finally {
    over.removeEventListener('abort', stop);
    socket.destroy();
    await handle.close();
  }
}
