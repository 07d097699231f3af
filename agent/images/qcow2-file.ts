import type { FileHandle } from 'node:fs/promises';
import { HEAD_BYTES_FIRST, parseQcow2Head, type Qcow2Head, qcow2HeadBytes } from './qcow2-head.ts';

/** The head of a qcow2 image that is open, by as little of it as says it. @returns undefined where it is none, or a broken one */
export async function qcow2HeadIn(handle: FileHandle): Promise<Qcow2Head | undefined> {
  const first = await beginningOf(handle, HEAD_BYTES_FIRST);
  const due = qcow2HeadBytes(first);
  return parseQcow2Head(due > first.length ? await beginningOf(handle, due) : first);
}

async function beginningOf(handle: FileHandle, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, 0);
  return buffer.subarray(0, bytesRead);
}
