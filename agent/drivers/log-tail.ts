import { open } from 'node:fs/promises';
import { isMissing } from '#agent/files/folder.ts';
import { Failure, messageOf } from '#shared/errors.ts';

/** The last bytes of a file; none where it is not there yet. @throws Failure host-command */
export async function tailOf(path: string, bytesMax: number): Promise<Uint8Array> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (isMissing(error)) return new Uint8Array();
    throw new Failure('host-command', { problem: messageOf(error) }, { cause: error });
  }
  try {
    const { size } = await file.stat();
    const from = Math.max(0, size - bytesMax);
    const buffer = new Uint8Array(size - from);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, from);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
