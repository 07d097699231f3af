import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { consoleKeys, escaped } from '#cli/console-keys.ts';
import { Failure } from '#shared/errors.ts';

/** A terminal, and an agent that answers when it is told to. */
function typing({ isTTY = true } = {}) {
  const raw: boolean[] = [];
  const input = Object.assign(new PassThrough(), { isTTY, setRawMode: (on: boolean) => raw.push(on) });
  const sent: string[] = [];
  const refusals: string[] = [];
  const answers: PromiseWithResolvers<void>[] = [];
  const keys = consoleKeys({
    send: (text) => {
      sent.push(text);
      const answer = Promise.withResolvers<void>();
      answers.push(answer);
      return answer.promise;
    },
    onRefused: (failure) => refusals.push(failure.message),
    input: input as never,
  });
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  return { keys, input, sent, refusals, answers, raw, settle };
}

describe('keys typed at a console', () => {
  it('go one send after the other; what is typed meanwhile goes with the next', async () => {
    const { input, sent, answers, settle } = typing();
    for (const key of ['a', 'b', 'c']) {
      input.write(key);
      await settle();
    }
    assert.deepEqual(sent, ['a']);
    answers[0]?.resolve();
    await settle();
    assert.deepEqual(sent, ['a', 'bc']);
  });

  it('leave with Ctrl-], once what was typed before is sent', async () => {
    const { keys, input, sent, answers, raw, settle } = typing();
    input.write('reboot\r\u001dnot this');
    await settle();
    assert.deepEqual(sent, ['reboot\\x0d']);
    let isLeft = false;
    keys.left.then(() => {
      isLeft = true;
    });
    await settle();
    assert.equal(isLeft, false);
    answers[0]?.resolve();
    await keys.left;
    keys.end();
    assert.deepEqual(raw, [true, false]);
  });

  it('take Ctrl-] for a byte where they come from a pipe, and leave at its end', async () => {
    const { keys, input, sent, answers, settle } = typing({ isTTY: false });
    input.end('a\u001db');
    await settle();
    assert.deepEqual(sent, ['a\\x1db']);
    answers[0]?.resolve();
    await keys.left;
  });

  it('go on after a refusal, and end at a fault', async () => {
    const { keys, input, sent, answers, refusals, settle } = typing();
    input.write('a');
    await settle();
    answers[0]?.reject(new Failure('console-closed', { guest: 'venti', state: 'shutoff' }));
    await settle();
    assert.deepEqual(refusals, ['The guest venti is shutoff; its console takes no input.']);
    input.write('b');
    await settle();
    assert.deepEqual(sent, ['a', 'b']);
    answers[1]?.reject(new TypeError('a fault'));
    await assert.rejects(keys.left, /a fault/);
  });

  it('are written so that the agent reads the same bytes', () => {
    assert.equal(escaped(Buffer.from('ls -l \\é\r\u001b[A')), 'ls -l \\x5c\\xc3\\xa9\\x0d\\x1b[A');
  });

  it('go in pieces that one message takes', async () => {
    const { input, sent, answers, settle } = typing();
    input.write('\u0000'.repeat(2_500));
    await settle();
    answers[0]?.resolve();
    await settle();
    answers[1]?.resolve();
    await settle();
    assert.deepEqual(
      sent.map((text) => text.length),
      [4_000, 4_000, 2_000],
    );
  });
});
