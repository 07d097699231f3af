import { importsOf } from '#test/tidy/imports.ts';
import type { SourceFile } from '#test/tidy/rules.ts';

/** Files of tests that one process of mocha runs, one after the other. */
export interface Lane {
  name: 'rig' | 'other';
  files: string[];
}

/** Where the rig comes from that all files of one process share. */
const SHARED_RIG = 'test/system/support/rig.ts';

/**
 * Which tests run beside which: those on the shared rig in one lane, so that it is brought up once, all others in another. Both wait
 * for machines and timers more than they compute, so that two cores carry two lanes.
 *
 * @param read a file of the tree as it is; undefined where it is none of ours
 */
export function lanesOf(files: readonly string[], read: (path: string) => SourceFile | undefined): Lane[] {
  const onRig = files.filter((path) => takesSharedRig(path, read));
  const others = files.filter((path) => !onRig.includes(path));
  const lanes: Lane[] = [
    { name: 'rig', files: onRig },
    { name: 'other', files: others },
  ];
  return lanes.filter((lane) => lane.files.length > 0);
}

/** Whether a file, or what it imports of the tests, asks for the shared rig. */
function takesSharedRig(
  path: string,
  read: (path: string) => SourceFile | undefined,
  seen = new Set<string>(),
): boolean {
  if (seen.has(path) || path === SHARED_RIG) return false;
  seen.add(path);
  const file = read(path);
  if (file === undefined) return false;
  const imported = importsOf(file);
  if (imported.includes(SHARED_RIG) && /\btestRig\b/.test(file.text)) return true;
  return imported.some((each) => each.startsWith('test/system/') && takesSharedRig(each, read, seen));
}
