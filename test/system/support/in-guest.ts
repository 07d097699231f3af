import { type TestRig, until } from './rig.ts';

export interface GuestRan {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Run a program in a guest of the rig through its agent, once that answers. */
export async function inGuest(
  rig: Pick<TestRig, 'virsh'>,
  host: string,
  guest: string,
  argv: readonly string[],
): Promise<GuestRan> {
  const ask = async (command: object) =>
    JSON.parse(await rig.virsh(host, ['qemu-agent-command', guest, JSON.stringify(command)])).return;
  await until('the guest agent answers', () =>
    ask({ execute: 'guest-ping' }).then(
      () => true,
      () => false,
    ),
  );
  const [path, ...arg] = argv;
  const { pid } = await ask({ execute: 'guest-exec', arguments: { path, arg, 'capture-output': true } });
  let status: { exited: boolean; exitcode?: number; 'out-data'?: string; 'err-data'?: string } = { exited: false };
  await until(`${argv.join(' ')} has ended`, async () => {
    status = await ask({ execute: 'guest-exec-status', arguments: { pid } });
    return status.exited;
  });
  const text = (data = ''): string => Buffer.from(data, 'base64').toString();
  return { exitCode: status.exitcode ?? -1, stdout: text(status['out-data']), stderr: text(status['err-data']) };
}

/** Start a guest of the rig if it does not run, and wait until it has an address: it says that it is up also while nobody has given it one. */
export async function ensureAddressed(
  rig: Pick<TestRig, 'virsh' | 'ensureRunning'>,
  host: string,
  guest: string,
): Promise<void> {
  await rig.ensureRunning(host, guest);
  await until(`${guest} has an address`, async () =>
    (await inGuest(rig, host, guest, ['ip', '-4', 'addr', 'show', 'eth0'])).stdout.includes('inet '),
  );
}
