import type { GuestId, Program, ProgramEnd } from '#agent/drivers/driver.ts';
import { ENVIRONMENT_INSIDE, requireWords, runInGuest } from '#agent/exec/run-in-guest.ts';
import type { ProcessEnd } from '#agent/exec/run-to-end.ts';
import { Failure } from '#shared/errors.ts';
import { checkedId, type Ground } from './ground.ts';
import { readGuest } from './reading.ts';

// Responsibilities: run a program in a container, in its namespaces and its groups.
//
// Theory of operation: a virsh of its own gets into them with what libvirtd hands over, and becomes `env` there, which looks for the
// program and gives it an environment of its own. How that ended is the last thing that this virsh says.
//
// What can go wrong: virsh has no right to get in (it takes root); what runs in a frozen container hangs, so that one is refused.

/**
 * virsh's word for an end that is no 0, after all that the program wrote.
 *
 * Source: virProcessTranslateStatus in libvirt's src/util/virprocess.c
 */
const ENDED = /error: (?:internal error: )?Child process \(\d+\) unexpected (exit status|fatal signal) (\d+)\s*$/;
/** What `env` ends with where a program is not there, or may not be run. */
const NOT_RUN: ReadonlySet<number | undefined> = new Set([126, 127]);

/** @throws Failure program-failed, program-late, guest-wrong-state */
export async function runInNamespaces(
  ground: Ground,
  id: GuestId,
  { command, limitMs, bytesMax }: Program,
  signal: AbortSignal,
): Promise<ProgramEnd> {
  const { name: guest } = await running(ground, id, signal);
  const [program = ''] = command;
  const failed = (problem: string): Failure => new Failure('program-failed', { guest, program, problem });
  requireWords({ guest, command });
  if (program.includes('=')) throw failed('the name of a program with = in it cannot be handed over');
  const within = ['/usr/bin/env', '-i', ...ENVIRONMENT_INSIDE, ...command];
  const args = ['-q', '-c', ground.uri, 'lxc-enter-namespace', '--noseclabel', checkedId(ground, id), '--', ...within];
  const asked = { guest, command, limitMs };
  const ended = await runInGuest(
    ground.runToEnd,
    { file: 'virsh', args },
    asked,
    { bytesMax, late: 'it was ended' },
    signal,
  );
  const end = endOf(ended);
  if (end === undefined) {
    await running(ground, id, signal);
    throw new Failure('host-command', { problem: ended.stderrEnd.trim() || `virsh was ended by ${ended.signal}` });
  }
  const said = Buffer.from(end.stderr).toString('utf8');
  if (NOT_RUN.has(end.exitCode) && said.startsWith('env: ')) throw failed(said.trim());
  return end;
}

/** @throws Failure guest-wrong-state */
async function running(ground: Ground, id: GuestId, signal: AbortSignal) {
  const guest = await readGuest(ground, id, signal);
  if (guest.state === 'running') return guest;
  const { name, state } = guest;
  throw new Failure('guest-wrong-state', { guest: name, state, verb: 'guest.exec', needed: 'running' });
}

/** How the program ended; undefined where it did not come to that. */
export function endOf({ exitCode, stdout, stderr, stderrEnd, cut }: ProcessEnd): ProgramEnd | undefined {
  if (exitCode === 0) return { exitCode, stdout, stderr, cut };
  const [last = '', kind, number = ''] = ENDED.exec(stderrEnd) ?? [];
  if (exitCode === undefined || kind === undefined) return undefined;
  const text = Buffer.from(stderr);
  const own = text.toString('latin1').endsWith(last) ? text.subarray(0, text.length - last.length) : text;
  const end = kind === 'exit status' ? { exitCode: Number(number) } : { signal: Number(number) };
  return { ...end, stdout, stderr: own, cut };
}
