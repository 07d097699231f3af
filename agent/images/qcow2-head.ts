/** What a qcow2 image says of itself, and of other files that it is read with. */
export interface Qcow2Head {
  /** What whoever uses it sees. */
  sizeBytes: number;
  /** The image below it, as it is named there, and the format that it is said to have. */
  backing?: { name: string; format?: string };
  /** Its blocks are in another file. */
  hasDataFile: boolean;
}

const MAGIC = 0x51_46_49_fb;
const VERSIONS = [2, 3];
const HEAD_BYTES_V2 = 72;
const HEAD_BYTES_V3 = 104;
const CLUSTER_BITS = { min: 9, max: 21 };
const NAME_BYTES_MAX = 1_023;
const DATA_FILE_BIT = 1n << 2n;
const END = 0;
const BACKING_FORMAT = 0xe2_79_2a_ca;

/** How much of a file has all that is read here, of nearly every image that something made. */
export const HEAD_BYTES_FIRST = 4_096;

/** How much of it really has: up to the end of the name, which is in the first cluster. @param first what the file begins with */
export function qcow2HeadBytes(first: Buffer): number {
  if (first.length < HEAD_BYTES_V2) return 0;
  const end = Number(first.readBigUInt64BE(8)) + first.readUInt32BE(16);
  return Math.min(end, 2 ** Math.min(first.readUInt32BE(20), CLUSTER_BITS.max));
}

/**
 * Read the head of a qcow2 image, without opening anything that it names, as QEMU's own tools may do.
 *
 * Shape: big-endian; `QFI\xfb`, version, place and length of the name of the backing file, log2 of the size of a cluster, size; in version 3 also
 * the features that a reader has to know, and the length of the head. Behind it extensions, each a type, a length and its data, filled up to 8 bytes.
 * @returns undefined where it is no such image, or a broken one
 * Source: QEMU, docs/interop/qcow2.rst
 */
export function parseQcow2Head(bytes: Buffer): Qcow2Head | undefined {
  if (bytes.length < HEAD_BYTES_V2 || bytes.readUInt32BE(0) !== MAGIC) return undefined;
  const version = bytes.readUInt32BE(4);
  const clusterBits = bytes.readUInt32BE(20);
  if (!VERSIONS.includes(version) || clusterBits < CLUSTER_BITS.min || clusterBits > CLUSTER_BITS.max) return undefined;
  if (version === 3 && bytes.length < HEAD_BYTES_V3) return undefined;
  const cluster = bytes.subarray(0, 2 ** clusterBits);
  const hasDataFile = version === 3 && (cluster.readBigUInt64BE(72) & DATA_FILE_BIT) !== 0n;
  const at = Number(cluster.readBigUInt64BE(8));
  const sizeBytes = Number(cluster.readBigUInt64BE(24));
  if (!Number.isSafeInteger(sizeBytes)) return undefined;
  if (at === 0) return { sizeBytes, hasDataFile };
  const length = cluster.readUInt32BE(16);
  if (length === 0 || length > NAME_BYTES_MAX || at + length > cluster.length) return undefined;
  const formats = formatsIn(cluster.subarray(0, at), version === 3 ? cluster.readUInt32BE(100) : HEAD_BYTES_V2);
  // QEMU takes the last of several; nothing that makes images writes more than one.
  if (formats.length > 1) return undefined;
  const [format] = formats;
  const name = cluster.toString('utf8', at, at + length);
  return { sizeBytes, backing: { name, ...(format === undefined ? {} : { format }) }, hasDataFile };
}

function formatsIn(head: Buffer, from: number): string[] {
  const found: string[] = [];
  for (let at = from; at + 8 <= head.length; ) {
    const [type, length] = [head.readUInt32BE(at), head.readUInt32BE(at + 4)];
    if (type === END || at + 8 + length > head.length) return found;
    if (type === BACKING_FORMAT) found.push(head.toString('latin1', at + 8, at + 8 + length));
    at += 8 + Math.ceil(length / 8) * 8;
  }
  return found;
}
