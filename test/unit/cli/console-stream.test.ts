import assert from 'node:assert/strict';
import fc from 'fast-check';
import { consoleStream } from '#cli/console-stream.ts';
import type { ConsoleText } from '#shared/model/console.ts';
import type { ConsoleChunk } from '#shared/xmpp/console.ts';

/** An agent's end: what the guest wrote, of which the newest part is kept. */
function writer(keep = 1_000_000) {
  let written = '';
  const piece = (from: number, next: number): ConsoleChunk => ({
    guest: 'venti',
    from,
    next,
    bytes: Buffer.from(written.slice(from, next)),
  });
  return {
    get all() {
      return written;
    },
    write(text: string): ConsoleChunk {
      const from = written.length;
      written += text;
      return piece(from, written.length);
    },
    piece,
    /** At most `bound` at once, as an agent answers. */
    read(from = 0, bound = 5): ConsoleText {
      const start = Math.max(0, written.length - keep);
      const begin = Math.min(Math.max(from, start), written.length);
      const next = Math.min(written.length, begin + bound);
      return { guest: 'venti', from: begin, next, missed: Math.max(0, start - from), text: written.slice(begin, next) };
    },
  };
}

function shown(read: (from?: number) => Promise<ConsoleText>) {
  const notes: string[] = [];
  let text = '';
  const stream = consoleStream({
    read,
    show: (output) => {
      text += Buffer.from(output).toString();
    },
    note: (words) => notes.push(words),
  });
  return {
    stream,
    notes,
    get text() {
      return text;
    },
  };
}

describe('a console as one stream', () => {
  it('shows each byte once and in order, however messages come', async () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({
          do: fc.constant('write' as const),
          text: fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 6 }),
        }),
        fc.record({
          do: fc.constantFrom('lose' as const, 'twice' as const, 'late' as const),
          text: fc.constant('xyz'),
        }),
        fc.record({ do: fc.constantFrom('renew' as const, 'settle' as const), text: fc.constant('') }),
      ),
      { maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const guest = writer();
        guest.write('past');
        const view = shown(async (from) => {
          const answer = guest.read(from);
          await new Promise(setImmediate);
          return answer;
        });
        const asked: Promise<void>[] = [view.stream.catchUp()];
        const held: ConsoleChunk[] = [];
        for (const step of all) {
          if (step.do === 'renew') asked.push(view.stream.catchUp());
          else if (step.do === 'settle') await Promise.all(asked);
          else {
            const chunk = guest.write(step.text);
            if (step.do === 'late') held.push(chunk);
            else if (step.do !== 'lose') asked.push(view.stream.chunk(chunk));
            if (step.do === 'twice') asked.push(view.stream.chunk(chunk));
          }
        }
        for (const chunk of held) asked.push(view.stream.chunk(chunk));
        await Promise.all(asked);
        await view.stream.catchUp();
        assert.equal(view.text, guest.all);
        assert.deepEqual(view.notes, []);
      }),
      { numRuns: 500 },
    );
  });

  it('says how much is gone where more was written than is kept', async () => {
    const guest = writer(10);
    guest.write('0123456789');
    const view = shown(async (from) => guest.read(from, 100));
    await view.stream.catchUp();
    guest.write('a'.repeat(25));
    await view.stream.catchUp();
    assert.equal(view.text, `0123456789${'a'.repeat(10)}`);
    assert.deepEqual(view.notes, ['15 bytes are gone']);
  });

  it('goes on behind what nobody has any more', async () => {
    const guest = writer();
    guest.write('past');
    // What was read cannot be had further, as with a letter that is not whole.
    const view = shown(async (from) => guest.read(from, from === undefined ? 4 : 0));
    await view.stream.catchUp();
    guest.write('lost');
    await view.stream.chunk(guest.write('next'));
    assert.equal(view.text, 'pastnext');
    assert.deepEqual(view.notes, ['4 bytes are gone']);
  });

  it('goes on with an agent that counts anew', async () => {
    let guest = writer();
    guest.write('before the agent was started again');
    const view = shown(async (from) => guest.read(from, 100));
    await view.stream.catchUp();
    guest = writer();
    guest.write('new');
    await view.stream.catchUp();
    await view.stream.chunk(guest.write(' life'));
    assert.equal(view.text, 'before the agent was started again life');
    assert.match(view.notes.join(), /began to count anew/);
  });
});
