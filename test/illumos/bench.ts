import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHost, type HostOptions, type IllumosHost } from './host.ts';
import { type Ended, perform, programNamed } from './programs.ts';

/** A modelled host in a folder that goes with it, and a line to type at. */
export interface IllumosBench extends Disposable {
  host: IllumosHost;
  /** Run a command as typed: words, and "words with spaces". */
  type(line: string, input?: string): Promise<Ended>;
  /** The same, which is to end with 0; its lines. */
  lines(line: string, input?: string): Promise<string[]>;
}

export function illumosBench(options: HostOptions = {}): IllumosBench {
  const folder = mkdtempSync(join(tmpdir(), 'skerry-illumos-'));
  const host = createHost(folder, options);
  const type = async (line: string, input?: string): Promise<Ended> => {
    const [name = '', ...args] = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? '');
    const program = programNamed(name);
    if (!program) throw new Error(`no program ${name}`);
    const signal = AbortSignal.timeout(5_000);
    return perform(host, program, { name, args, signal, ...(input === undefined ? {} : { input }) });
  };
  return {
    host,
    type,
    lines: async (line, input) => {
      const { stdout, stderr, code } = await type(line, input);
      if (code !== 0) throw new Error(`${line} ended with ${code}: ${stderr}`);
      return stdout === '' ? [] : stdout.replace(/\n$/, '').split('\n');
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
