import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { execa } from 'execa';
import { Failure } from '#shared/errors.ts';

/**
 * Take the kernel proper out of a bzImage. QEMU enters it directly (PVH), which spares the guest the firmware's and the
 * kernel's own unpacking: a third of a second under emulation.
 *
 * Shape: byte 0x1f1 counts the set-up sectors after the first; 0x248 and 0x24c have offset and length of the payload,
 * from the end of set-up; the payload ends with its unpacked length in 4 bytes.
 * @throws Failure setup-needed when it is packed in a way that is not known here
 * Source: Documentation/arch/x86/boot.rst of Linux
 */
export async function vmlinuxOf(bzImage: Buffer): Promise<Buffer> {
  const setUp = ((bzImage[0x1f1] ?? 0) + 1) * 512;
  const start = setUp + bzImage.readUInt32LE(0x248);
  const payload = bzImage.subarray(start, start + bzImage.readUInt32LE(0x24c));
  const packed = payload.subarray(0, -4);
  switch (payload.subarray(0, 4).toString('hex')) {
    case '28b52ffd':
      return zstdDecompressSync(packed);
    case 'fd377a58':
      return unpack('xz', ['-dc', '--single-stream'], payload);
    case '02214c18':
      return unpack('lz4', ['-dc'], packed);
    default:
      if (payload.readUInt16BE(0) === 0x1f8b) return gunzipSync(packed);
      throw new Failure('setup-needed', {
        problem: `the kernel is packed in an unknown way (${payload.toString('hex', 0, 6)})`,
      });
  }
}

async function unpack(file: string, args: string[], input: Buffer): Promise<Buffer> {
  const { stdout } = await execa(file, args, { input, encoding: 'buffer', maxBuffer: 256 * 1024 * 1024 });
  return Buffer.from(stdout);
}
