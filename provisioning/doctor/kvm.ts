import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A boot sector: `mov al,0x2a; out 0xf4,al; hlt`. */
const CODE = [0xb0, 0x2a, 0xe6, 0xf4, 0xf4];
/** What QEMU's isa-debug-exit makes of 0x2a. */
const EXIT_CODE = (0x2a << 1) | 1;
const SECTOR_BYTES = 512;
const RUN_MS_MAX = 20_000;

/**
 * Whether KVM runs a guest: a /dev/kvm that is there and opens may still not. The guest is a boot sector of five bytes, which ends QEMU
 * with a code of its own.
 * @returns what went wrong
 */
export async function kvmProblem(): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'skerry-kvm-'));
  try {
    const disk = join(folder, 'boot');
    const sector = Buffer.alloc(SECTOR_BYTES);
    sector.set(CODE);
    sector.writeUInt16LE(0xaa55, SECTOR_BYTES - 2);
    await writeFile(disk, sector);
    return await boot(disk);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function boot(disk: string): Promise<string | undefined> {
  const machine = ['-machine', 'pc,accel=kvm', '-cpu', 'host', '-m', '16', '-nodefaults', '-display', 'none'];
  const devices = [
    '-device',
    'isa-debug-exit,iobase=0xf4,iosize=1',
    '-drive',
    `file=${disk},format=raw,if=ide,snapshot=on`,
  ];
  const argv = ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...machine, ...devices];
  const child = spawn('setpriv', argv, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-500);
  });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill('SIGKILL');
  }, RUN_MS_MAX);
  const { promise, resolve } = Promise.withResolvers<number | null>();
  child.once('error', (error) => {
    said = error.message;
    resolve(null);
  });
  child.once('close', resolve);
  const code = await promise;
  clearTimeout(timer);
  if (code === EXIT_CODE) return undefined;
  return isLate
    ? `no guest runs with it within ${RUN_MS_MAX / 1_000} s`
    : said.trim().split('\n').at(-1) || `QEMU ended with ${code}`;
}
