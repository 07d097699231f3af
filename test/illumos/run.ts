import { commandText, type Run } from '#agent/exec/run.ts';
import { Failure } from '#shared/errors.ts';
import { Killed } from './call.ts';
import type { IllumosHost } from './host.ts';
import { perform, programNamed } from './programs.ts';

/**
 * The door to processes of a modelled host, without processes: what agent/exec/run.ts does on a real one.
 *
 * A program at a path (`/usr/sbin/zoneadm`) is the one of that name. At the time limit, and when it is called off, the
 * program is gone, and what the host does of itself goes on: zoneadmd shuts a zone down also when nobody waits.
 */
export const illumosRun =
  (host: IllumosHost): Run =>
  async (command, signal) => {
    signal.throwIfAborted();
    const name = command.file.split('/').at(-1) ?? command.file;
    const program = programNamed(name);
    const text = commandText(command);
    if (!program)
      throw new Failure('host-command', { problem: `there is no program ${command.file} here`, command: text });
    const late = AbortSignal.timeout(command.timeoutMs);
    const input = command.input === undefined ? undefined : Buffer.from(command.input).toString();
    try {
      const ended = await perform(host, program, {
        name,
        args: command.args,
        ...(input === undefined ? {} : { input }),
        signal: AbortSignal.any([signal, late]),
      });
      if (ended.code === 0) return ended.stdout.replace(/\n$/, '');
      const problem = ended.stderr.trim() || `${text} ended with exit code ${ended.code}`;
      throw new Failure('host-command', { problem, command: text, exitCode: ended.code });
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (late.aborted) throw new Failure('host-timeout', { command: text, timeoutS: command.timeoutMs / 1_000 });
      if (error instanceof Killed) {
        throw new Failure('host-command', { problem: `${text} was killed`, command: text, signal: 'SIGKILL' });
      }
      throw error;
    }
  };
