import { type FSWatcher, watch } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { isMissing } from '#agent/files/folder.ts';
import { Failure, messageOf } from '#shared/errors.ts';

/** What a file grows by, from its end on. */
export interface Followed {
  onData(listener: (chunk: Uint8Array) => void): void;
  close(): Promise<void>;
}

const CHUNK_BYTES = 65_536;

/**
 * Follow a log that another process writes, and that is moved away and begun anew when it is long.
 *
 * The kernel tells of each change in its folder; a look that is under way is followed by one more, so that nothing is missed.
 *
 * @param broke called once, when it can be read no more: nothing comes after that
 * @throws Failure host-command
 */
export async function followLog(path: string, broke: (problem: unknown) => void): Promise<Followed> {
  let file = await opened(path);
  let at = (await file?.stat())?.size ?? 0;
  let looking: Promise<void> | undefined;
  let isWanted = false;
  let isOver = false;
  let tell = (_: Uint8Array): void => {};

  const drain = async (): Promise<void> => {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    while (file && !isOver) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      tell(Uint8Array.from(buffer.subarray(0, bytesRead)));
    }
  };
  const look = async (): Promise<void> => {
    while (isWanted && !isOver) {
      isWanted = false;
      await drain();
      const fresh = await opened(path);
      if (fresh && file && (await sameFile(file, fresh)) && (await fresh.stat()).size >= at) {
        await fresh.close();
        continue;
      }
      // What it got since is all that it will ever have: it was moved away.
      await drain();
      const before = file;
      file = fresh;
      at = 0;
      await before?.close();
      await drain();
    }
  };
  const stir = (): void => {
    isWanted = true;
    looking ??= look()
      .catch(fail)
      .finally(() => {
        looking = undefined;
        if (isWanted && !isOver) stir();
      });
  };
  let watcher: FSWatcher;
  try {
    watcher = watch(dirname(path), (_, name) => {
      if (name === basename(path)) stir();
    });
  } catch (error) {
    await file?.close();
    throw new Failure('host-command', { problem: messageOf(error) }, { cause: error });
  }
  const fail = (problem: unknown): void => {
    if (isOver) return;
    isOver = true;
    watcher.close();
    broke(problem);
  };
  watcher.on('error', fail);
  return {
    onData: (listener) => {
      tell = listener;
      stir();
    },
    close: async () => {
      isOver = true;
      watcher.close();
      await looking;
      await file?.close();
      file = undefined;
    },
  };
}

async function opened(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new Failure('host-command', { problem: messageOf(error) }, { cause: error });
  }
}

async function sameFile(a: FileHandle, b: FileHandle): Promise<boolean> {
  const [one, other] = await Promise.all([a.stat(), b.stat()]);
  return one.ino === other.ino && one.dev === other.dev;
}
