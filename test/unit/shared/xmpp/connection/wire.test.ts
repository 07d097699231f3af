import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { Writable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import type { Client } from '@xmpp/client-core';
import { Wire } from '#shared/xmpp/connection/wire.ts';

/** A wire to a socket that records what reaches the system, piece by piece. */
function recordedWire() {
  const pieces: string[] = [];
  const socket = new Writable({
    decodeStrings: false,
    write: (text: string, _, done) => {
      pieces.push(text);
      done();
    },
    writev: (chunks, done) => {
      pieces.push(chunks.map(({ chunk }) => chunk).join(''));
      done();
    },
  });
  const stream = Object.assign(new EventEmitter(), { socket, _attachSocket() {} });
  return { pieces, socket, wire: new Wire(stream as unknown as Client, false) };
}

describe('A wire', () => {
  it('gives the system in one piece what is written in one turn, in order, and says when it is given', async () => {
    const { pieces, wire } = recordedWire();
    const first = Promise.all(['<a/>', '<b/>'].map((text) => wire.write(text)));
    const late = Promise.resolve().then(() => wire.write('<c/>'));
    assert.deepEqual(pieces, []);
    await Promise.all([first, late]);
    assert.deepEqual(pieces, ['<a/><b/><c/>']);
    await Promise.all([wire.write('<d/>'), wire.writeAll(['<e/>', '<f/>'])]);
    assert.deepEqual(pieces, ['<a/><b/><c/>', '<d/><e/><f/>']);
  });

  it('does not keep anything back when nothing more is written', async () => {
    const { pieces, wire } = recordedWire();
    void wire.write('<a/>');
    await setImmediate();
    await setImmediate();
    assert.deepEqual(pieces, ['<a/>']);
  });
});
