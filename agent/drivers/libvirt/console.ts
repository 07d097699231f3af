import { connect } from 'node:net';
import type { GuestId, SerialPort } from '#agent/drivers/driver.ts';
import { tailOf } from '#agent/drivers/log-tail.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import { isActive } from '#shared/model/guest.ts';
import type { Ground } from './ground.ts';
import { codeOf, openPty, type Pty } from './pty.ts';
import { readGuest, readXml } from './reading.ts';
import { consoleLogOf, hasSerial, serialOf } from './serial.ts';

/**
 * Open the first serial console of a running guest.
 *
 * @throws Failure console-missing, console-closed, guest-not-found
 */
export async function openConsole(ground: Ground, id: GuestId, signal: AbortSignal): Promise<SerialPort> {
  const guest = await readGuest(ground, id, signal);
  const xml = await ground.virsh.read(['dumpxml', id], signal);
  if (!hasSerial(xml)) throw new Failure('console-missing', { guest: guest.name });
  const closed = (cause?: unknown) => new Failure('console-closed', { guest: guest.name, state: 'shutoff' }, { cause });
  if (!isActive(guest.state)) throw new Failure('console-closed', { guest: guest.name, state: guest.state });
  const place = serialOf(xml);
  // While it is being started it counts as active, and its port has no place yet: it will.
  if (!place) throw closed();
  const path = ground.root + place.path;
  let port: Pty;
  try {
    port = place.type === 'pty' ? await openPty(path) : await openSocket(path, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (['ENOENT', 'EIO', 'ENXIO', 'ECONNREFUSED'].includes(codeOf(error) ?? '')) throw closed(error);
    throw new Failure('host-command', { problem: `console of ${guest.name}: ${messageOf(error)}` }, { cause: error });
  }
  return {
    ...port,
    write: async (bytes) => {
      try {
        await port.write(bytes);
      } catch (error) {
        if (codeOf(error) !== 'ETIMEDOUT') throw closed(error);
        throw new Failure('host-timeout', { command: `typing to ${guest.name}`, timeoutS: 10 }, { cause: error });
      }
    },
    ...(ground.hypervisor.console === 'kept' ? { history: (bytesMax) => logTail(ground, place.log, bytesMax) } : {}),
  };
}

/** The end of what the hypervisor keeps of the console. @throws Failure guest-not-found */
export async function readConsoleLog(
  ground: Ground,
  id: GuestId,
  bytesMax: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  return logTail(ground, consoleLogOf(await readXml(ground, id, signal)), bytesMax);
}

const logTail = async ({ root }: Ground, log: string | undefined, bytesMax: number): Promise<Uint8Array> =>
  log === undefined ? new Uint8Array() : tailOf(root + log, bytesMax);

/** A serial console that QEMU serves on a UNIX socket, to one client at a time. */
async function openSocket(path: string, signal: AbortSignal): Promise<Pty> {
  const socket = connect({ path, signal });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve).once('error', reject);
  });
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => {}); // 'close' follows
  return {
    onData: (listener) => void socket.on('data', listener),
    onEnd: (listener) => void ended.then(listener),
    write: (bytes) =>
      new Promise((resolve, reject) => {
        socket.write(bytes, (error) => (error ? reject(error) : resolve()));
      }),
    close: async () => {
      socket.destroy();
      await ended;
    },
  };
}
