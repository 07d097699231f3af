import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, readFile, writeFile } from 'node:fs/promises';
import { release } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { GUEST_MARKER, type GuestImage } from '../guest/build.ts';
import { run } from './run.ts';

/** Whether guests run under KVM here, and why that is thought. */
export interface KvmVerdict {
  works: boolean;
  because: string;
  /** What QEMU said, where it refused. */
  said?: string;
  /** What it depends on: with another kernel, processor or QEMU it is tried again. */
  on: { kernel: string; processor: string; qemu: string };
}

const BOOT_TIMEOUT_MS = 20_000;

/**
 * Find out whether KVM works, by booting the tiny guest with it once: a /dev/kvm that is there and opens may still not
 * run a guest. The verdict is kept in a file.
 */
export async function kvmVerdict(image: GuestImage, file: string): Promise<KvmVerdict> {
  const on = {
    kernel: release(),
    processor: await processorModel(),
    qemu: (await run([QEMU, '--version'])).split('\n')[0] ?? '',
  };
  const remembered = await readFile(file, 'utf8').then(JSON.parse, () => undefined);
  // Where the device is gone or has come, there is nothing to remember.
  const hasDevice = await access('/dev/kvm', constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
  if (!hasDevice) return { works: false, because: 'there is no /dev/kvm that may be used', on };
  if (isDeepStrictEqual(remembered?.on, on)) return remembered;
  const problem = await bootWithKvm(image);
  const verdict: KvmVerdict =
    problem === undefined
      ? { works: true, because: 'a guest booted with it', on }
      : { works: false, because: 'there is a /dev/kvm, but no guest boots with it', said: problem, on };
  await writeFile(file, `${JSON.stringify(verdict, null, 2)}\n`);
  return verdict;
}

const QEMU = 'qemu-system-x86_64';

const processorModel = async (): Promise<string> =>
  /^model name\s*:\s*(.*)$/m.exec(await readFile('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown';

/** @returns what went wrong */
async function bootWithKvm(image: GuestImage): Promise<string | undefined> {
  const kernel = ['-kernel', image.kernel, '-initrd', image.initrd, '-append', 'console=ttyS0 quiet panic=-1'];
  const machine = ['-machine', 'q35,accel=kvm', '-cpu', 'host', '-m', '112', '-no-reboot'];
  const devices = ['-nodefaults', '-display', 'none', '-serial', 'stdio'];
  // setpriv: a rig that is killed in the middle leaves no QEMU behind.
  const argv = ['--pdeathsig', 'KILL', QEMU, ...machine, ...devices, ...kernel];
  const child = spawn('setpriv', argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  let console = '';
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    console = (console + text).slice(-4_000);
    if (console.includes(GUEST_MARKER)) resolve(undefined);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-500);
  });
  child.once('error', (error) => resolve(error.message));
  child.once('close', () => resolve(`QEMU ended: ${said.trim().split('\n').at(-1) ?? ''}`));
  const timer = setTimeout(
    () => resolve(`a guest did not come up with it in ${BOOT_TIMEOUT_MS / 1_000} s`),
    BOOT_TIMEOUT_MS,
  );
  const problem = await promise;
  clearTimeout(timer);
  child.kill('SIGKILL');
  return problem;
}
