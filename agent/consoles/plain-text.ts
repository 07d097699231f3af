/**
 * What a terminal would show of a console's bytes, as text: UTF-8, without control sequences (ECMA-48), lines ending in \n.
 */
export function plainText(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('utf8')
    .replace(SEQUENCE, '')
    .replace(/\r+\n/g, '\n')
    .replace(/\r/g, '\n')
    .replace(/[^\n]?\x08/g, '')
    .replace(/[^\n\t\P{Cc}]/gu, '');
}

/** CSI, OSC and its like (to BEL or ST), and the short ones. */
const SEQUENCE = /\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]+[0-~]|[0-Z\\-~])/g;
/** A sequence that has begun and not ended. */
const BEGUN = /\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]*\x1b?|[ -/]*)$/;
const BEGUN_BYTES_MAX = 256;

/** How many of the bytes can be made text of now; the rest waits for what follows: half a letter, half a sequence, half a line end. */
export function wholeBytes(bytes: Uint8Array): number {
  let whole = bytes.length - unfinishedLetter(bytes);
  const tail = Buffer.from(bytes.subarray(Math.max(0, whole - BEGUN_BYTES_MAX), whole)).toString('latin1');
  const begun = BEGUN.exec(tail);
  if (begun) whole -= tail.length - begun.index;
  if (whole > 0 && bytes[whole - 1] === 0x0d) whole--;
  return whole;
}

/** Bytes at the end that are the beginning of a letter in UTF-8 (RFC 3629). */
function unfinishedLetter(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 && byte < 0xf8 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back && byte < 0xf8 ? back : 0;
  }
  return 0;
}

/** How many bytes at the beginning are the end of a letter that was cut off. */
export function restOfLetter(bytes: Uint8Array): number {
  let count = 0;
  while (count < 3 && ((bytes[count] ?? 0) & 0xc0) === 0x80) count++;
  return count;
}
