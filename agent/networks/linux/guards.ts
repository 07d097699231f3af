import { createHash } from 'node:crypto';
import type { Command } from '#agent/exec/run.ts';
import { Failure } from '#shared/errors.ts';
import type { HostPort } from '#shared/model/network.ts';
import type { HostTools } from './carry-out.ts';
import { dropTable, GUARD_TABLE, guardScript } from './guard-rules.ts';

const TIMEOUT_MS = 30_000;

const load = (input: string): Command => ({ file: 'nft', args: ['-f', '-'], input, timeoutMs: TIMEOUT_MS });
const list = (table: string): Command => ({
  ...{ file: 'nft', args: ['-j', 'list', 'table', ...table.split(' ')], timeoutMs: TIMEOUT_MS },
  outputBytesMax: 64 * 1024 * 1024,
});

/** Guards of the host's guest ports. */
export function guards(tools: HostTools) {
  const keep = keptTable(tools, `bridge ${GUARD_TABLE}`);
  // The same document is realised again and again, and to write the ruleset takes as long as to look at it.
  let last: { ports: readonly HostPort[]; script: string } | undefined;
  return async (ports: readonly HostPort[], signal: AbortSignal): Promise<void> => {
    if (last?.ports !== ports) last = { ports, script: guardScript(ports) };
    await keep(last.script, signal);
  };
}

/** A table of ours, with its family: it is set again where it is not as it was when it was set. */
export function keptTable({ run, failpoint }: HostTools, table: string) {
  let set: { script: string; print: string } | undefined;

  const read = async (signal: AbortSignal): Promise<string | undefined> => {
    try {
      return printOf(await run(list(table), signal));
    } catch (error) {
      if (error instanceof Failure && /No such file or directory/.test(error.message)) return undefined;
      throw error;
    }
  };
  /** All of it in one transaction; where a part of another make is in the way, that table is put away in the same one. */
  const write = async (script: string, signal: AbortSignal): Promise<void> => {
    if (failpoint.allows(1) === 0) return failpoint.end();
    try {
      await run(load(script), signal);
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'host-command') throw error;
      await run(load(dropTable(table) + script), signal);
    }
  };
  return async (script: string, signal: AbortSignal): Promise<void> => {
    if (set?.script === script && set.print === (await read(signal))) return;
    await write(script, signal);
    const print = await read(signal);
    if (print === undefined) throw new Failure('host-output', { problem: `nft has set ${table}, and shows none` });
    set = { script, print };
  };
}

/** What tells one state of a table from another: what is counted, and the kernel's own numbers, are left out. */
export function printOf(stdout: string): string {
  const plain = stdout.replace(/"(packets|bytes|handle)": \d+/g, '"$1": 0');
  return createHash('sha256').update(plain).digest('hex');
}
