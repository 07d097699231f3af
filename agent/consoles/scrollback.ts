/** The last `bytesMax` bytes of a stream, by their offset since its begin. */
export class Scrollback {
  readonly #bytesMax: number;
  #chunks: Uint8Array[] = [];
  #kept = 0;
  /** Offset just past the newest byte. */
  end = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Offset of the oldest byte that is kept. */
  get begin(): number {
    return this.end - this.#kept;
  }

  get bytes(): number {
    return this.#kept;
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#kept += chunk.length;
    this.end += chunk.length;
    while (this.#kept > this.#bytesMax) {
      const [first = new Uint8Array()] = this.#chunks;
      const excess = this.#kept - this.#bytesMax;
      if (first.length <= excess) this.#chunks.shift();
      else this.#chunks[0] = first.subarray(excess);
      this.#kept -= Math.min(first.length, excess);
    }
  }

  /** Everything from an offset on, `bytesMax` of it at the most. What is older than what is kept was missed. */
  read(from: number, bytesMax: number): { from: number; next: number; missed: number; bytes: Buffer } {
    const start = Math.min(Math.max(from, this.begin), this.end);
    const all = Buffer.concat(this.#chunks).subarray(start - this.begin);
    const bytes = wholeCharacters(all.subarray(0, bytesMax));
    return { from: start, next: start + bytes.length, missed: Math.max(0, this.begin - from), bytes };
  }

  /** Where the last so many lines begin. */
  offsetOfLines(lines: number): number {
    const all = Buffer.concat(this.#chunks);
    let at = all.length;
    if (all[at - 1] === 0x0a) at--;
    for (let n = 0; n < lines && at > 0; n++) at = all.lastIndexOf(0x0a, at - 1);
    return this.begin + Math.max(0, at + (at > 0 || all[0] === 0x0a ? 1 : 0));
  }
}

/** Leave a UTF-8 character that is not there as a whole for the next time (RFC 3629 section 3). */
export function wholeCharacters(bytes: Buffer): Buffer {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const due = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return due > back ? bytes.subarray(0, bytes.length - back) : bytes;
  }
  return bytes;
}

/** What a terminal would show, roughly: without control sequences (ECMA-48), carriage returns and bells. */
export const plainText = (text: string): string =>
  text
    .replace(/\u001b\[[0-?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\u001b[ -/]*[0-~]/g, '')
    .replace(/\r+\n/g, '\n')
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '');
