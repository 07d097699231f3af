import { execa } from 'execa';
import { Failure } from '#shared/errors.ts';
import { descendantsEnd, type EndBy } from './descendants-end.ts';
import { type Command, commandText } from './run.ts';

/** How a process ended, and the beginning of what it wrote. */
export interface ProcessEnd {
  /** Missing where a signal ended it. */
  exitCode?: number;
  signal?: string;
  stdout: Uint8Array;
  stderr: Uint8Array;
  /** The last of what it wrote there, also of what was not kept. */
  stderrEnd: string;
  /** It wrote more than was kept. */
  cut: boolean;
  /** It took longer than its limit, and was ended. */
  isLate: boolean;
}

export interface EndOptions {
  /** Of each way out; the rest is read and dropped, so that it is not stopped by what it writes. */
  bytesMax: number;
  /** What ends it, and what it started, at the limit and when it is called off; SIGKILL follows two seconds later. */
  endBy?: EndBy;
}

/**
 * Run a command whose end is no failure of ours, however it ends.
 *
 * It is over when nobody holds its ways out any more. A service that it has started may hold them for ever: that is waited for until the
 * limit, and no longer.
 * @throws Failure host-command where there is no such program; the signal's reason when that fires
 */
export async function runToEnd(
  { file, args, timeoutMs }: Pick<Command, 'file' | 'args' | 'timeoutMs'>,
  { bytesMax, endBy = 'SIGTERM' }: EndOptions,
  signal: AbortSignal,
): Promise<ProcessEnd> {
  signal.throwIfAborted();
  const letGo = (): void => {
    child.stdout.destroy();
    child.stderr.destroy();
  };
  using ending = descendantsEnd({ timeoutMs, withDescendants: true, endBy, killed: letGo }, signal);
  const child = execa(file, args, {
    ...{ stdin: 'ignore', buffer: false, reject: false, encoding: 'buffer' },
    env: { LC_ALL: 'C' },
    detached: true,
  });
  ending.of(child.pid);
  const [out, error] = [beginningOf(child.stdout, bytesMax), beginningOf(child.stderr, bytesMax)];
  const ended = await child;
  signal.throwIfAborted();
  if (ended.code === 'ENOENT')
    throw new Failure('host-command', {
      problem: `there is no program ${file} here`,
      command: commandText({ file, args }),
    });
  return {
    ...(ended.exitCode === undefined ? {} : { exitCode: ended.exitCode }),
    ...(ended.signal === undefined ? {} : { signal: ended.signal }),
    stdout: out.bytes(),
    stderr: error.bytes(),
    stderrEnd: error.end(),
    cut: out.isCut() || error.isCut(),
    isLate: ending.isLate,
  };
}

/** A line or two: what a tool says of its own. */
const END_BYTES = 512;

/** Reads all that comes, and keeps the beginning, and a little of the end. */
function beginningOf(
  stream: NodeJS.ReadableStream,
  bytesMax: number,
): { bytes(): Uint8Array; end(): string; isCut(): boolean } {
  const kept: Uint8Array[] = [];
  let last = Buffer.alloc(0);
  let size = 0;
  stream.on('data', (chunk: Uint8Array) => {
    if (size < bytesMax) kept.push(chunk.subarray(0, bytesMax - size));
    last = Buffer.concat([last, chunk.subarray(-END_BYTES)]).subarray(-END_BYTES);
    size += chunk.length;
  });
  return { bytes: () => Buffer.concat(kept), end: () => last.toString('latin1'), isCut: () => size > bytesMax };
}
