/** One entry of an archive: a folder, a file with its bytes, or a link to where it points. */
export type Entry = { path: string } & (
  | { kind: 'folder' }
  | { kind: 'file'; bytes: Uint8Array; isExecutable?: boolean }
  | { kind: 'link'; target: string }
);

const MODES = { folder: 0o040755, file: 0o100644, link: 0o120777 } as const;

/**
 * Pack entries as the Linux kernel unpacks its first root: a cpio archive in the "new ASCII" format. The same entries give
 * the same bytes: owner root, no times, numbered in the order of their names.
 *
 * Source: initramfs buffer format, Documentation/driver-api/early-userspace/buffer-format.rst of Linux
 */
export function newcOf(entries: readonly Entry[]): Buffer {
  const sorted = [...entries].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  const parts = sorted.flatMap((entry, index) => member(entry.path, modeOf(entry), index + 1, bytesOf(entry)));
  return Buffer.concat([...parts, ...member('TRAILER!!!', 0, 0, Buffer.alloc(0))]);
}

const modeOf = (entry: Entry): number =>
  entry.kind === 'file' && entry.isExecutable ? MODES.file | 0o111 : MODES[entry.kind];

const bytesOf = (entry: Entry): Uint8Array => {
  if (entry.kind === 'file') return entry.bytes;
  return Buffer.from(entry.kind === 'link' ? entry.target : '');
};

function member(name: string, mode: number, inode: number, bytes: Uint8Array): Uint8Array[] {
  const nameBytes = Buffer.from(`${name}\0`);
  // inode mode uid gid links mtime size, device and special device (major, minor each), length of name, checksum
  const fields = [inode, mode, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, nameBytes.length, 0];
  const header = Buffer.from(`070701${fields.map((each) => each.toString(16).padStart(8, '0')).join('')}`);
  return [header, nameBytes, padding(header.length + nameBytes.length), bytes, padding(bytes.length)];
}

/** What fills a length up to a multiple of four. */
const padding = (length: number): Uint8Array => Buffer.alloc(-length & 3);
