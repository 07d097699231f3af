import type { GuestId, Program, ProgramEnd } from '#agent/drivers/driver.ts';
import { ENVIRONMENT_INSIDE, requireWords, runInGuest } from '#agent/exec/run-in-guest.ts';
import { Failure } from '#shared/errors.ts';
import { type Ground, tool } from './ground.ts';
import { zoneIn } from './power.ts';

/** What lxc-attach says of a program that is not there, or that may not be run, in place of the program. */
const NOT_RUN = /^lxc-attach: .* (?:\d+ )?(.*) - Failed to exec "/m;
/** A program that a signal has ended is told as a shell tells it. */
const BY_SIGNAL = 128;
const SIGNAL_MAX = 64;

/**
 * Run a program as root in a zone that runs, with an environment of its own.
 *
 * What goes into a frozen zone hangs, so that one is refused. lxc-attach passes no signal on: at the limit the program is ended with it, as
 * one group of processes.
 * @throws Failure guest-wrong-state, program-failed, program-late
 */
export async function runProgram(
  ground: Ground,
  id: GuestId,
  { command, limitMs, bytesMax }: Program,
  signal: AbortSignal,
): Promise<ProgramEnd> {
  const { name } = await zoneIn(ground, id, 'guest.exec', ['running'], signal);
  const [program = ''] = command;
  const failed = (problem: string): Failure => new Failure('program-failed', { guest: name, program, problem });
  const asked = { guest: name, command, limitMs };
  requireWords(asked);
  const environment = ENVIRONMENT_INSIDE.flatMap((word) => ['-v', word]);
  const attach = tool(ground, 'lxc-attach', name, '--clear-env', ...environment, '--', ...command);
  const ended = await runInGuest(ground.runToEnd, attach, asked, { bytesMax, late: 'it was ended' }, signal);
  const said = Buffer.from(ended.stderr).toString('utf8');
  const notRun = NOT_RUN.exec(said)?.[1];
  if (notRun !== undefined && [126, 127].includes(ended.exitCode ?? 0)) throw failed(notRun);
  if (ended.exitCode === undefined || (ended.exitCode !== 0 && said.startsWith('lxc-attach: '))) {
    await zoneIn(ground, id, 'guest.exec', ['running'], signal);
    throw new Failure('host-command', { problem: said.trim() || `lxc-attach was ended by ${ended.signal}` });
  }
  const { exitCode, stdout, stderr, cut } = ended;
  const number = exitCode - BY_SIGNAL;
  return number > 0 && number <= SIGNAL_MAX
    ? { signal: number, stdout, stderr, cut }
    : { exitCode, stdout, stderr, cut };
}
