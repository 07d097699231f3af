import { setTimeout as pause } from 'node:timers/promises';
import { type Call, OK } from './call.ts';
import { zoneNamed } from './state.ts';

const LOOK_MS = 20;

/**
 * `zlogin -C -d`: the console of a zone on this process' terminal, until the zone is down.
 *
 * What is typed is echoed, and a line is answered as a shell would: `uname` by the name of the system. There is one console, and one
 * may have it at a time.
 * Source: zlogin(1), "Console Mode"
 */
export async function serveConsole(call: Call, zone: string): Promise<number> {
  const isUp = () => call.host.read((state) => zoneNamed(state, zone)?.kernel !== undefined);
  const write = (text: string) => process.stdout.write(text);
  if (process.stdin.isTTY) process.stdin.setRawMode(true);
  write(`\r\n${zone} console:~# `);
  let line = '';
  process.stdin.on('data', (chunk: Buffer) => {
    for (const key of chunk.toString()) {
      if (key !== '\r' && key !== '\n') {
        line += key;
        write(key);
        continue;
      }
      write(`\r\n${line === 'uname' ? 'SunOS\r\n' : ''}${zone} console:~# `);
      line = '';
    }
  });
  while (isUp()) await pause(LOOK_MS, undefined, { signal: call.signal });
  process.stdin.pause();
  return OK;
}
