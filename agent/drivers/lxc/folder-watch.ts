import { existsSync, type FSWatcher, readdirSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';
import { isMissing } from '#agent/files/folder.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import { isZoneName } from './zone-config.ts';

export interface FolderListener {
  appeared(name: string): void;
  changed(name: string): void;
  gone(name: string): void;
  /** Called once: there is nothing more to come. */
  broke(problem: Error): void;
}

/**
 * Tell of zones that come, change and go, by the kernel's own news of folders.
 *
 * A zone is a folder with a configuration in it. Who watches a folder first and looks into it then misses nothing. What is deeper,
 * such as a root, is not watched.
 * @returns what ends it
 * @throws Failure host-unreachable where there is no folder
 */
export function watchZones(folder: string, listener: FolderListener): () => void {
  const watchers = new Map<string, { watcher: FSWatcher; which: string }>();
  const zones = new Set<string>();
  let isOver = false;

  const end = (): void => {
    isOver = true;
    root?.close();
    for (const { watcher } of watchers.values()) watcher.close();
    watchers.clear();
  };
  const broke = (error: unknown): void => {
    if (isOver) return;
    end();
    listener.broke(unreachable(folder, error));
  };
  /** `told`: it is news; what is there from the beginning is none. */
  const look = (name: string, told: boolean, isChange = false): void => {
    const isThere = existsSync(join(folder, name, 'config'));
    const was = zones.has(name);
    if (isThere) zones.add(name);
    else zones.delete(name);
    if (!told) return;
    if (isThere && !was) listener.appeared(name);
    else if (isThere && isChange) listener.changed(name);
    else if (!isThere && was) listener.gone(name);
  };
  const leave = (name: string): void => {
    watchers.get(name)?.watcher.close();
    watchers.delete(name);
  };
  const follow = (name: string, told: boolean): void => {
    if (isOver || !isZoneName(name)) return;
    const there = statSync(join(folder, name), { bigint: true, throwIfNoEntry: false });
    const which = there && `${there.ino} ${there.birthtimeNs}`;
    const followed = watchers.get(name);
    if (followed && followed.which !== which) {
      leave(name);
      // Another folder took its place before anybody looked: that is another zone.
      if (which !== undefined && zones.delete(name) && told) listener.gone(name);
    }
    if (which !== undefined && !watchers.has(name)) {
      try {
        const watcher = watch(join(folder, name), (_, file) => {
          if (!isOver && file === 'config') look(name, true, true);
        });
        watcher.on('error', () => {}); // the folder has gone: that of all zones tells it
        watchers.set(name, { watcher, which });
      } catch (error) {
        if (!isMissing(error)) broke(error);
      }
    }
    look(name, told);
  };

  let root: FSWatcher | undefined;
  try {
    root = watch(folder, (_, name) => {
      try {
        for (const each of name === null ? readdirSync(folder) : [name]) follow(each, true);
      } catch (error) {
        broke(error);
      }
    });
    root.on('error', broke);
    for (const { name } of readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory()))
      follow(name, false);
  } catch (error) {
    end();
    throw unreachable(folder, error);
  }
  return end;
}

const unreachable = (folder: string, error: unknown): Failure =>
  new Failure('host-unreachable', { host: folder, problem: messageOf(error) }, { cause: error });
