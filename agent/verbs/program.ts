import type { ProgramEnd } from '#agent/drivers/driver.ts';
import { PROGRAM_OUTPUT_BYTES_MAX, type ProgramResult } from '#shared/model/program.ts';
import type { Call } from '#shared/verb/request.ts';
import type { ArgsOf } from '#shared/verb/verb.ts';
import type { guestVerbs } from '#shared/verbs/guest.ts';
import { able, fresh, type GuestDeps } from './ground.ts';

type Args = ArgsOf<(typeof guestVerbs)['guest.exec']>;

/** Run a program in a guest that runs, and answer how it ended. @throws Failure guest-wrong-state, program-failed, program-late */
export async function runProgram(
  deps: GuestDeps,
  { guest: of, command, limitS }: Args,
  call: Call,
): Promise<ProgramResult> {
  const { driver } = deps;
  const guest = await fresh(deps, of, ['running', 'blocked'], call);
  const program = { command, limitMs: limitS * 1000, bytesMax: PROGRAM_OUTPUT_BYTES_MAX };
  const { exitCode, signal, stdout, stderr, cut } = await able(driver.runProgram, deps, call.verb).call(
    driver,
    guest.uuid,
    program,
    call.signal,
  );
  return {
    guest: guest.name,
    ended: endedBy({ exitCode, signal }),
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(signal === undefined ? {} : { signal }),
    stdout: textOf(stdout),
    stderr: textOf(stderr),
    cut,
  };
}

const endedBy = ({ exitCode, signal }: { exitCode: number | undefined; signal: number | undefined }): string =>
  exitCode === undefined ? `signal ${signal ?? 'not known'}` : `exit code ${exitCode}`;

/** What is no UTF-8 is shown as such: a program may write anything. */
const textOf = (bytes: ProgramEnd['stdout']): string => Buffer.from(bytes).toString('utf8');
