import type { Command, Run } from '#agent/exec/run.ts';
import { linesOf } from './lines.ts';
import { parseSpaces } from './links.ts';

const TIMEOUT_MS = 30_000;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

const asked = (file: string, args: readonly string[]): Command => ({
  ...{ file, args, timeoutMs: TIMEOUT_MS, outputBytesMax: OUTPUT_BYTES_MAX },
});
export const ip = (...args: string[]): Command => ({ file: 'ip', args, timeoutMs: TIMEOUT_MS });

/** For `ip`: in a network namespace, or in the agent's own. */
const at = (space: string | undefined): string[] => (space === undefined ? [] : ['-n', space]);

export const listLinks = (): Command => asked('ip', ['-N', '-j', '-d', 'link', 'show']);
/** The same with what went through them: twice as much to print and to read. */
export const listTraffic = (): Command => asked('ip', ['-N', '-j', '-d', '-s', 'link', 'show']);
/** The same with their addresses. */
export const listAddresses = (space?: string): Command => asked('ip', [...at(space), '-N', '-j', '-d', 'addr', 'show']);
export const listFloods = (): Command => asked('bridge', ['-j', 'fdb', 'show']);

/** One command a line, for `ip` or `bridge`: it stops at the first that fails. @throws Failure host-output where a line is none */
export const batch = (file: 'ip' | 'bridge', lines: readonly string[], space?: string): Command => ({
  ...{ file, timeoutMs: TIMEOUT_MS, input: linesOf(lines), args: [...at(space), '-batch', '-'] },
});

export const inSpace = (space: string, ...argv: string[]): Command => ip('netns', 'exec', space, ...argv);

/** Names of the host's network namespaces. @throws Failure host-command, host-output */
export const readSpaces = async (run: Run, signal: AbortSignal): Promise<ReadonlySet<string>> =>
  new Set(parseSpaces(await run(ip('-j', 'netns', 'list'), signal)));
