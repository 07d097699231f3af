import { access, readFile } from 'node:fs/promises';
import { type Change, file } from '../systemd/changes.ts';
import type { Ground } from '../systemd/ground.ts';
import { CLONE } from '../systemd/program.ts';

/** A unit of ours, and what its service is made of. */
export interface OwnUnit {
  changes: Change[];
  /** Whatever, once it has changed, the service has to be started anew for. */
  files(program: 'agent' | 'central'): string[];
}

/** A unit that a package of Skerry brought is left alone. */
export async function unitChanges(ground: Ground, unit: string): Promise<OwnUnit> {
  const path = `/etc/systemd/system/${unit}`;
  const text = await readFile(new URL(`../systemd/${unit}`, import.meta.url), 'utf8');
  const isPackaged = await isThere(ground.at(`/usr/lib/systemd/system/${unit}`));
  return {
    changes: isPackaged ? [] : [file(ground, path, text.replaceAll('@CLONE@', CLONE), { mode: 0o644 })],
    files: (program) => [
      isPackaged ? `/usr/lib/systemd/system/${unit}` : path,
      `${path}.d`,
      ...[program, 'shared', 'package-lock.json'].map((name) => `${CLONE}/${name}`),
    ],
  };
}

export const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
