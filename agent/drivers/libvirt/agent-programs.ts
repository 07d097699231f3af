import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import type { DriverGuest, GuestId, Program, ProgramEnd } from '#agent/drivers/driver.ts';
import { Failure } from '#shared/errors.ts';
import { failedWith, type Ground } from './ground.ts';
import { askAgent, guestWithAgent } from './guest-agent.ts';

// Responsibilities: run a program in a guest, by QEMU's guest agent.
//
// Theory of operation: guest-exec starts it and answers with its process id; guest-exec-status is asked until it has ended. The
// agent keeps what was written, up to 16 MiB, and hands all of it over with the end.
//
// What can go wrong: the agent forgets a program when it starts anew, and then answers that there is no such process; the
// program is ended by `kill` in the guest, which a guest without one cannot, and then goes on.

const Started = z.object({ pid: z.int() });
const Status = z.object({
  exited: z.boolean(),
  exitcode: z.int().optional(),
  signal: z.int().optional(),
  'out-data': z.string().default(''),
  'err-data': z.string().default(''),
  'out-truncated': z.boolean().default(false),
  'err-truncated': z.boolean().default(false),
});
type Status = z.infer<typeof Status>;

/** How long to wait before the agent is asked whether it has ended: at first, and at most. */
const ASK_MS_MIN = 10;
const ASK_MS_MAX = 500;
const ENDING_MS_MAX = 5_000;

/** @throws Failure program-failed, program-late, guest-agent-silent, guest-wrong-state */
export async function runByAgent(
  ground: Ground,
  id: GuestId,
  { command, limitMs, bytesMax }: Program,
  signal: AbortSignal,
): Promise<ProgramEnd> {
  const guest = await guestWithAgent(ground, id, 'guest.exec', signal);
  const [program = '', ...words] = command;
  const pid = await started(ground, guest, program, words, signal);
  const limit = AbortSignal.timeout(limitMs);
  try {
    const status = await ended(ground, guest, pid, AbortSignal.any([signal, limit]));
    return endOf(status, bytesMax);
  } catch (error) {
    if (!signal.aborted && !limit.aborted) throw error;
    const isEnded = await endProgram(ground, guest, pid);
    signal.throwIfAborted();
    const problem = isEnded ? 'it was ended' : 'it could not be ended, and may go on';
    throw new Failure('program-late', { guest: guest.name, program, timeoutS: limitMs / 1000, problem });
  }
}

async function started(
  ground: Ground,
  guest: DriverGuest,
  program: string,
  words: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  const wanted = { path: program, arg: words, 'capture-output': true };
  try {
    return parsed(Started, await askAgent(ground, guest, { execute: 'guest-exec', arguments: wanted }, signal)).pid;
  } catch (error) {
    if (!failedWith(error, 'host-command')) throw error;
    const said = String(error.details.problem);
    // libvirt's words around what the agent said are the same for every command.
    const problem = /error was '(.*)'/s.exec(said)?.[1] ?? said.replace(/^.*guest-exec': /s, '');
    throw new Failure('program-failed', { guest: guest.name, program, problem }, { cause: error });
  }
}

async function ended(ground: Ground, guest: DriverGuest, pid: number, signal: AbortSignal): Promise<Status> {
  for (let waitMs = ASK_MS_MIN; ; waitMs = Math.min(ASK_MS_MAX, waitMs * 1.5)) {
    const status = await statusOf(ground, guest, pid, signal);
    if (status.exited) return status;
    await pause(waitMs, undefined, { signal });
  }
}

const statusOf = async (ground: Ground, guest: DriverGuest, pid: number, signal: AbortSignal): Promise<Status> =>
  parsed(Status, await askAgent(ground, guest, { execute: 'guest-exec-status', arguments: { pid } }, signal));

/** End it, and have the agent forget it. @returns whether it has ended */
async function endProgram(ground: Ground, guest: DriverGuest, pid: number): Promise<boolean> {
  const signal = AbortSignal.timeout(ENDING_MS_MAX);
  try {
    await started(ground, guest, 'kill', ['-KILL', String(pid)], signal);
    await ended(ground, guest, pid, signal);
    return true;
  } catch (error) {
    ground.log.info({ guest: guest.name, pid, err: error }, 'a program in a guest could not be ended');
    return false;
  }
}

function endOf(status: Status, bytesMax: number): ProgramEnd {
  const [stdout, stderr] = [status['out-data'], status['err-data']].map((data) => Buffer.from(data, 'base64'));
  const cut = [stdout, stderr].some((bytes) => (bytes?.length ?? 0) > bytesMax);
  return {
    ...(status.exitcode === undefined ? {} : { exitCode: status.exitcode }),
    ...(status.signal === undefined ? {} : { signal: status.signal }),
    stdout: stdout?.subarray(0, bytesMax) ?? new Uint8Array(),
    stderr: stderr?.subarray(0, bytesMax) ?? new Uint8Array(),
    cut: cut || status['out-truncated'] || status['err-truncated'],
  };
}

function parsed<T>(shape: z.ZodType<T>, answer: unknown): T {
  const read = shape.safeParse(answer);
  if (read.success) return read.data;
  throw new Failure('host-output', { problem: `the guest agent: ${read.error.issues[0]?.message}` });
}
