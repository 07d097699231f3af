/**
 * How two pieces of one stream join: the length of the longest end of `before` that `after` begins with.
 */
export function overlap(before: Uint8Array, after: Uint8Array): number {
  const a = Buffer.from(before.buffer, before.byteOffset, before.length);
  const b = Buffer.from(after.buffer, after.byteOffset, after.length);
  const first = b[0];
  if (first === undefined) return 0;
  // Each place in `before` where `after` could begin, the earliest first, since that is the longest.
  let at = a.indexOf(first, Math.max(0, a.length - b.length));
  while (at >= 0) {
    if (a.subarray(at).equals(b.subarray(0, a.length - at))) return a.length - at;
    at = a.indexOf(first, at + 1);
  }
  return 0;
}

const TAIL_BYTES = 1024;

/** What a log holds beyond what is known already. A log that has nothing of it was begun anew: then all of it is news. */
export function newsIn(log: Uint8Array, known: Uint8Array): Uint8Array {
  const tail = known.subarray(-TAIL_BYTES);
  if (tail.length === 0) return log;
  const at = Buffer.from(log.buffer, log.byteOffset, log.length).lastIndexOf(tail);
  return at >= 0 ? log.subarray(at + tail.length) : log.subarray(overlap(tail, log));
}
