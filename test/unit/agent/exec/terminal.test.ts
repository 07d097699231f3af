import assert from 'node:assert/strict';
import { startOnTerminal, type Terminal } from '#agent/exec/terminal.ts';

/** Until it has shown that. */
function shows(terminal: Terminal, wanted: string): Promise<string> {
  let seen = '';
  return new Promise((resolve, reject) => {
    terminal.onData((chunk) => {
      seen += Buffer.from(chunk).toString();
      if (seen.includes(wanted)) resolve(seen);
    });
    terminal.onEnd(() => reject(new Error(`it ended, and showed ${JSON.stringify(seen)}`)));
  });
}

describe('a program on a terminal', () => {
  it('has one, and bytes go both ways', async () => {
    const terminal = startOnTerminal([
      'sh',
      '-c',
      'tty; stty raw -echo; echo ready; head -c 3 | od -An -tx1; sleep 60',
    ]);
    try {
      assert.match(await shows(terminal, 'ready'), /^\/dev\//m);
      const rest = shows(terminal, '00 ff 0d');
      await terminal.write(Uint8Array.of(0, 0xff, 13));
      await rest;
    } finally {
      await terminal.close();
    }
  });

  it('says when it has ended, and takes nothing any more', async () => {
    const terminal = startOnTerminal(['sh', '-c', 'echo bye']);
    terminal.onData(() => {});
    await new Promise<void>((resolve) => terminal.onEnd(resolve));
    await assert.rejects(terminal.write(Uint8Array.of(1)), /sh has ended/);
    await terminal.close();
    await terminal.close();
  });

  it('ends where there is nothing that gives it one', async () => {
    const terminal = startOnTerminal(['sh'], ['skerry-no-terminal']);
    await new Promise<void>((resolve) => terminal.onEnd(resolve));
    await terminal.close();
  });
});
