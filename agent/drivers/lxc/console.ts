import { readFile } from 'node:fs/promises';
import { isStartedBySkerry } from '#agent/drivers/boot-environment.ts';
import type { GuestId, SerialPort } from '#agent/drivers/driver.ts';
import { tailOf } from '#agent/drivers/log-tail.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import { isActive } from '#shared/model/guest.ts';
import { consoleLog, type Ground } from './ground.ts';
import { followLog } from './log-follow.ts';
import { readConfig, readNow, readZone } from './reading.ts';
import { guestState } from './states.ts';
import { typing } from './typing.ts';
import { consoleLogIn } from './zone-config.ts';

/**
 * Open the console of a zone that runs: read by its log, which LXC writes also while nobody looks, and typed into by lxc-console.
 *
 * @throws Failure console-missing of one that others have started with no log; console-closed, guest-not-found
 */
export async function openConsole(ground: Ground, id: GuestId, signal: AbortSignal): Promise<SerialPort> {
  const { name, config, now } = await readZone(ground, id, signal);
  const state = guestState(now.state);
  const closed = (cause?: unknown) => new Failure('console-closed', { guest: name, state: 'shutoff' }, { cause });
  if (!isActive(state) || now.pid === undefined) throw new Failure('console-closed', { guest: name, state });
  const environ = await readFile(`/proc/${now.pid}/environ`, 'utf8').catch(() => '');
  const log = consoleLogIn(config) ?? (isStartedBySkerry(environ) ? consoleLog(ground, name) : undefined);
  if (log === undefined) throw new Failure('console-missing', { guest: name });
  const end = Promise.withResolvers<void>();
  const unlisten = await ground.monitor.listen(
    { onState: (which, word) => which === name && word === 'STOPPED' && end.resolve(), onBreak: () => end.resolve() },
    signal,
  );
  try {
    // It may have ended before anybody listened.
    if (!isActive(guestState((await readNow(ground, name, signal)).state))) throw closed();
    const followed = await followLog(log, (problem) => {
      ground.log.warn({ guest: name, err: problem }, 'the log of a console can be read no more');
      end.resolve();
    });
    const keys = typing(ground, name);
    let isOver = false;
    const over = end.promise.then(() => {
      isOver = true;
    });
    const close = async (): Promise<void> => {
      end.resolve();
      await Promise.all([followed.close(), keys.close(), unlisten()]);
    };
    return {
      onData: (listener) => followed.onData(listener),
      onEnd: (listener) => void over.then(listener),
      write: async (bytes) => {
        if (isOver) throw closed();
        try {
          await keys.write(bytes);
        } catch (error) {
          throw isOver ? closed(error) : new Failure('host-command', { problem: messageOf(error) }, { cause: error });
        }
      },
      close,
      history: (bytesMax) => tailOf(log, bytesMax),
    };
  } catch (error) {
    await unlisten();
    throw error;
  }
}

/** The end of what is kept of the console. @throws Failure guest-not-found */
export async function readConsoleLog(
  ground: Ground,
  id: GuestId,
  bytesMax: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  signal.throwIfAborted();
  const name = await ground.zones.nameOf(id);
  return tailOf(consoleLogIn(await readConfig(ground, name)) ?? consoleLog(ground, name), bytesMax);
}
