import type { GuestId, Program, ProgramEnd } from '#agent/drivers/driver.ts';
import { requireWords, runInGuest } from '#agent/exec/run-in-guest.ts';
import { Failure } from '#shared/errors.ts';
import { type Need, wrongState, zoneIn } from './acting.ts';
import { brandIn } from './brands.ts';
import { problemOf } from './failures.ts';
import type { Ground } from './ground.ts';
import { zoneOf } from './ground.ts';
import { GUEST_STATE } from './states.ts';

const EXEC: Need = { verb: 'guest.exec', states: ['running'] };
/** What a shell says of a program that is not there, or that it may not run. */
const NOT_RUN: ReadonlySet<number | undefined> = new Set([126, 127]);

/**
 * A word as a POSIX shell reads it, whatever is in it.
 *
 * zlogin(1) joins the words that it is given and has a shell in the zone read them; it quotes only some itself. What is one word already is handed
 * over as it is, so all words go as one, in which each is quoted.
 */
export const shellWord = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

export const zloginArgs = (zone: string, command: readonly string[]): string[] => [
  zone,
  command.map(shellWord).join(' '),
];

/** Run a program as root in a zone that runs. @throws Failure program-failed, program-late, guest-wrong-state */
export async function runProgram(
  ground: Ground,
  id: GuestId,
  { command, limitMs, bytesMax }: Program,
  signal: AbortSignal,
): Promise<ProgramEnd> {
  const { name } = await zoneIn(ground, id, EXEC, signal);
  const [program = ''] = command;
  const failed = (problem: string): Failure => new Failure('program-failed', { guest: name, program, problem });
  const asked = { guest: name, command, limitMs };
  requireWords(asked);
  const { config } = await ground.configs.read(name, signal);
  if (!brandIn(config).runsPrograms) throw failed('it is a machine of its own, which zlogin does not get into');
  const zlogin = { file: 'zlogin', args: zloginArgs(name, command) };
  const ending = { bytesMax, endBy: 'SIGINT', late: 'it was sent SIGINT, which zlogin passes on' } as const;
  const ended = await runInGuest(ground.runToEnd, zlogin, asked, ending, signal);
  const { exitCode, stdout, stderr, cut } = ended;
  const said = Buffer.from(stderr).toString('utf8');
  if (NOT_RUN.has(exitCode)) throw failed(said.trim() || `exit code ${exitCode}`);
  if (exitCode === undefined || (exitCode === 1 && said.startsWith('zlogin: '))) {
    const zone = await zoneOf(ground, id, signal);
    if (GUEST_STATE[zone.state] !== 'running') throw wrongState(zone, EXEC);
    throw new Failure('host-command', { problem: problemOf(said) || `zlogin was ended by ${ended.signal}` });
  }
  return { exitCode, stdout, stderr, cut };
}
