import { mkdirSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { isPackaged } from '#shared/called.ts';
import { Failure, messageOf } from '#shared/errors.ts';

/** The clone that this file is in. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url));

const PRIVATE = [
  '/dev',
  '/proc',
  '/run',
  '/sys',
  '/var/run',
  '/var/lib/libvirt',
  '/var/log/libvirt',
  '/var/cache/libvirt',
];

/** The words of a command of the rig. @throws Failure bad-argument with how it is called */
export function optionsOf<T extends ParseArgsOptionsConfig>(argv: readonly string[], options: T, usage: string) {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: false, strict: true }).values;
  } catch (error) {
    const problem = `${messageOf(error).split('. ')[0]}. Usage: ${usage}`;
    throw new Failure('bad-argument', { field: 'command line', problem }, { cause: error });
  }
}

/**
 * The rig's folder, made if it is not there.
 * @throws Failure bad-argument where machines of a rig would not see it; setup-needed where this is no clone, which has a place for it
 */
export function rigFolder(dir: string | undefined): string {
  if (dir === undefined && isPackaged)
    throw new Failure('setup-needed', {
      problem: 'Skerry is installed from packages here: start the rig from a clone, or name a folder for it with --dir',
    });
  const asked = resolve(dir ?? join(ROOT, '.skerry'));
  const hidden = PRIVATE.find((each) => asked === each || asked.startsWith(`${each}/`));
  if (hidden !== undefined) {
    const problem = `${asked} is under ${hidden}, of which each machine of the rig has its own; choose another folder`;
    throw new Failure('bad-argument', { field: '--dir', problem });
  }
  mkdirSync(asked, { recursive: true, mode: 0o700 });
  return realpathSync(asked);
}
