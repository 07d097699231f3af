import { constants } from 'node:fs';
import { open, realpath, stat } from 'node:fs/promises';
import { dirname, sep } from 'node:path';
import { isMissing } from '#agent/files/folder.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import { qcow2HeadIn } from './qcow2-file.ts';
import type { Qcow2Head } from './qcow2-head.ts';

const LINKS_MAX = 32;
/** Images of these have no place for the name of another file. */
const ALONE = ['raw', 'vdi'];

/**
 * Why an image is not to be read with what it names: QEMU opens whatever stands in it as the agent's user, be it a device of the host's, a file with
 * secrets, or an address in the network. The chain is followed here, and nothing of it is opened but plain files.
 *
 * @param within the folder that all of it has to be in, by where links lead; undefined: anywhere on this host
 * @returns undefined where there is nothing against it
 * @throws Failure host-command
 */
export async function chainProblem(
  image: { file: string; format: string },
  within: string | undefined,
): Promise<string | undefined> {
  let { file, format }: { file: string; format: string | undefined } = image;
  const home = within === undefined ? undefined : (await realpath(within)) + sep;
  for (let link = 0; link < LINKS_MAX; link++) {
    if (format !== undefined && ALONE.includes(format)) return undefined;
    if (format !== undefined && format !== 'qcow2') return `${file} is of format ${format}, which may name other files`;
    // A pipe would be waited for without end. What hangs below was looked at where it is named.
    if (link === 0 && (await plainFile(file)) === undefined) return `${file} is no plain file`;
    const head = await headOf(file);
    if (!head) return format === undefined ? `nothing says of which format ${file} is` : `${file} is no qcow2`;
    if (head.hasDataFile) return `${file} keeps its blocks in another file`;
    if (!head.backing) return undefined;
    const { name } = head.backing;
    // QEMU takes what stands before a colon for a protocol.
    if (/^[^/]*:/.test(name) || name.includes('\0')) return `it hangs on ${name}, which is no file`;
    // Not normalized: `..` behind a link leads from where that leads.
    const below = name.startsWith('/') ? name : `${dirname(file)}/${name}`;
    const real = await plainFile(below);
    if (real === undefined) return `it hangs on ${name}, and there is no such file`;
    if (home !== undefined && !real.startsWith(home)) return `it hangs on ${name}, which is not in ${within}`;
    ({ file, format } = { file: below, format: head.backing.format });
  }
  return `it hangs on more than ${LINKS_MAX} others`;
}

async function plainFile(path: string): Promise<string | undefined> {
  try {
    const real = await realpath(path);
    return (await stat(real)).isFile() ? real : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new Failure('host-command', { problem: messageOf(error) }, { cause: error });
  }
}

async function headOf(file: string): Promise<Qcow2Head | undefined> {
  try {
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    return await qcow2HeadIn(handle);
  } catch (error) {
    throw new Failure('host-command', { problem: messageOf(error) }, { cause: error });
  }
}
