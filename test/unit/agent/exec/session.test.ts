import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { startSession } from '#agent/exec/session.ts';

describe('agent/exec: a process that stays', () => {
  it('is told bytes as they are, be they text or not', async () => {
    let said = '';
    const heard = Promise.withResolvers<void>();
    const session = startSession({
      file: 'sh',
      args: ['-c', 'head -c 6 | od -An -tx1'],
      onOut: (chunk) => {
        said += chunk;
        if (said.includes('\n')) heard.resolve();
      },
      onError: assert.fail,
    });
    session.write('é');
    session.write(Buffer.from([0xff, 0x11, 0xc3]));
    session.write(Buffer.from([0xa9]));
    await heard.promise;
    await session.kill();
    assert.equal(said.trim(), 'c3 a9 ff 11 c3 a9');
  });
});
