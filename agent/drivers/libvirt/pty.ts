import { closeSync, constants, open as openFd } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { ReadStream } from 'node:tty';
import { promisify } from 'node:util';

// Responsibilities: bytes to and from a pseudo-terminal that another process serves.
//
// Theory of operation: two descriptors, both non-blocking and never our controlling terminal. The one to read from is
// watched by the event loop, as a file would not be: a blocked read for each of 200 guests would use up Node's threads.
// The one to write to is written by Node's threads, which never block on it: EAGAIN means that the other side does not
// read at the moment, and is tried again.
//
// What can go wrong: libuv opens a terminal that it is given once more, under its own descriptor, so that ours must be
// closed at once; where it cannot (the terminal is of another mount namespace) it keeps ours.

/** A terminal that bytes go to and come from. */
export interface Pty {
  onData(listener: (chunk: Uint8Array) => void): void;
  onEnd(listener: () => void): void;
  /** @throws Error of the system, ETIMEDOUT when the other side reads nothing for too long */
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

const FLAGS = constants.O_NOCTTY | constants.O_NONBLOCK;
const FULL_PAUSE_MS = 20;
const FULL_MS_MAX = 10_000;

/** Open a terminal that is there. The mode it is in is its server's affair, and is left as it is. */
export async function openPty(path: string): Promise<Pty> {
  const writer = await open(path, constants.O_WRONLY | FLAGS);
  let reader: ReadStream;
  try {
    reader = await readerOf(path);
  } catch (error) {
    await writer.close();
    throw error;
  }
  const ended = new Promise<void>((resolve) => reader.once('close', () => resolve()));
  reader.on('error', () => {}); // EIO: the other side is gone; 'close' follows
  let tail: Promise<unknown> = Promise.resolve();
  let closing: Promise<void> | undefined;

  const close = async () => {
    reader.destroy();
    await ended;
    await tail.catch(() => {});
    await writer.close();
  };
  return {
    onData: (listener) => void reader.on('data', listener),
    onEnd: (listener) => void ended.then(listener),
    write: (bytes) => {
      const write = tail.catch(() => {}).then(() => writeAll(writer, bytes, () => reader.destroyed));
      tail = write;
      return write;
    },
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

async function readerOf(path: string): Promise<ReadStream> {
  const fd = await openDescriptor(path, constants.O_RDONLY | FLAGS);
  const reader = new ReadStream(fd);
  if ((reader as { _handle?: { fd?: number } })._handle?.fd !== fd) closeSync(fd);
  return reader;
}

const openDescriptor = promisify((path: string, flags: number, done: (error: Error | null, fd: number) => void) =>
  openFd(path, flags, done),
);

async function writeAll(writer: FileHandle, bytes: Uint8Array, isOver: () => boolean): Promise<void> {
  let rest = bytes;
  let fullMs = 0;
  while (rest.length > 0) {
    if (isOver()) throw systemError('EIO', 'the terminal is closed');
    try {
      const { bytesWritten } = await writer.write(rest);
      rest = rest.subarray(bytesWritten);
      fullMs = 0;
    } catch (error) {
      if (codeOf(error) !== 'EAGAIN') throw error;
      if (fullMs >= FULL_MS_MAX) throw systemError('ETIMEDOUT', 'the other side reads nothing');
      await pause(FULL_PAUSE_MS);
      fullMs += FULL_PAUSE_MS;
    }
  }
}

const systemError = (code: string, message: string): Error => Object.assign(new Error(message), { code });

/** The system's word for what went wrong, such as ENOENT. */
export const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error ? String(error.code) : undefined;
