import type { Program, ProgramEnd } from '#agent/drivers/driver.ts';
import { type Clock, paused } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';
import type { FakeGuest } from './guest.ts';
import { runWords } from './shell.ts';

/** Run one of the few commands that the fake guests have; `sleep` waits so many seconds. @throws Failure program-failed, program-late */
export async function runProgram(
  { record, place }: FakeGuest,
  { command, limitMs, bytesMax }: Program,
  clock: Clock,
  signal: AbortSignal,
): Promise<ProgramEnd> {
  const guest = record.definition.name;
  const [program = '', seconds] = command;
  if (program === 'sleep') await asleep({ guest, waitMs: Number(seconds) * 1000, limitMs }, clock, signal);
  const ran = program === 'sleep' ? { out: '' } : runWords(command, place);
  if (!ran) throw new Failure('program-failed', { guest, program, problem: 'there is no such program' });
  const [out, error] = [Buffer.from(ran.out), Buffer.from(ran.error ?? '')];
  return {
    exitCode: ran.exitCode ?? 0,
    stdout: out.subarray(0, bytesMax),
    stderr: error.subarray(0, bytesMax),
    cut: out.length > bytesMax || error.length > bytesMax,
  };
}

async function asleep(
  { guest, waitMs, limitMs }: { guest: string; waitMs: number; limitMs: number },
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  await paused(clock, Math.min(waitMs, limitMs), signal);
  signal.throwIfAborted();
  if (waitMs > limitMs)
    throw new Failure('program-late', { guest, program: 'sleep', timeoutS: limitMs / 1000, problem: 'it was ended' });
}
