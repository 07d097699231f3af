import { readFileSync } from 'node:fs';
import { Killed } from './call.ts';
import { openHost } from './host.ts';
import { perform, programNamed } from './programs.ts';

/** One program of a modelled host as a process: `command.ts FOLDER NAME ARGUMENT...`. */
const [folder = '', name = '', ...args] = process.argv.slice(2);
const program = programNamed(name);
if (!program) throw new Error(`there is no program ${name}`);
const gone = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => gone.abort(new Error(signal)));
try {
  const input = name === 'zonecfg' && !process.stdin.isTTY ? readFileSync(0, 'utf8') : '';
  const ended = await perform(openHost(folder), program, { name, args, input, isProcess: true, signal: gone.signal });
  process.stdout.write(ended.stdout);
  process.stderr.write(ended.stderr);
  process.exitCode = ended.code;
} catch (error) {
  if (gone.signal.aborted) process.exitCode = 143;
  else if (error instanceof Killed) process.kill(process.pid, 'SIGKILL');
  else throw error;
}
