import assert from 'node:assert/strict';
import { lookup } from 'node:dns';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, it } from 'mocha';
import { nbdLook } from '#agent/probes/nbd.ts';

const HELLO = Buffer.concat([Buffer.from('NBDMAGICIHAVEOPT'), Buffer.from([0, 3])]);
const REPLY = Buffer.from('0003e889045565a900000003', 'hex');
const be = (value: number): Buffer => Buffer.from(value.toString(16).padStart(8, '0'), 'hex');
const reply = (type: number, body: Buffer = Buffer.alloc(0)): Buffer =>
  Buffer.concat([REPLY, be(type), be(body.length), body]);
const entry = (name: string): Buffer => reply(2, Buffer.concat([be(Buffer.byteLength(name)), Buffer.from(name)]));
const ACK = reply(1);

describe('a look by NBD', () => {
  let server: Server | undefined;
  afterEach(() => server?.close());

  /** A server that says these one after the other, whatever it is told. `end`: it ends the connection then. */
  const look = async (said: readonly Buffer[], name = 'root.raw', how: 'end' | 'stay' = 'stay') => {
    server = createServer((socket) => {
      socket.on('error', () => {});
      for (const each of said) socket.write(each);
      if (how === 'end') socket.end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    return nbdLook(`nbd://127.0.0.1:${port}/${name}`, lookup)(AbortSignal.timeout(5_000));
  };

  it('is good where the export is listed', async () => {
    assert.deepEqual(await look([HELLO, entry('other'), entry('root.raw'), ACK]), { ok: true });
  });

  it('is good however what is said is cut into pieces', async () => {
    const bytes = Buffer.concat([HELLO, entry('root.raw'), ACK]);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 6 }), async (cuts) => {
        const at = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
        const pieces = at.slice(1).map((to, index) => bytes.subarray(at[index], to));
        assert.deepEqual(await look(pieces), { ok: true });
        server?.close();
      }),
      { numRuns: 20 },
    );
  });

  it('says what is wrong', async () => {
    const why = async (...args: Parameters<typeof look>) => {
      const verdict = await look(...args);
      return verdict.ok ? 'good' : verdict.why;
    };
    assert.equal(await why([HELLO, entry('other'), ACK]), 'its NBD server has no export root.raw');
    assert.equal(
      await why([Buffer.from('HTTP/1.1 400 Bad Request')]),
      'what answers there does not speak NBD as of today',
    );
    assert.equal(
      await why([Buffer.concat([HELLO.subarray(0, 16), Buffer.from([0, 0])])]),
      'its NBD server cannot list what it exports',
    );
    assert.equal(await why([HELLO, reply(0x8000_0001)]), 'its NBD server does not tell what it exports');
    assert.equal(await why([HELLO, Buffer.alloc(20, 7)]), 'its NBD server answers in a way that is not understood');
    assert.equal(
      await why([HELLO, reply(2, Buffer.alloc(9_000))]),
      'its NBD server answers in a way that is not understood',
    );
    assert.equal(await why([HELLO], 'root.raw', 'end'), 'it ends the connection');
    const gone = nbdLook('nbd://127.0.0.1:1/x', lookup)(AbortSignal.timeout(5_000));
    assert.deepEqual(await gone, { ok: false, why: 'connection refused' });
  });

  it('ends with its signal where a server says nothing', async () => {
    server = createServer(() => {}).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await assert.rejects(nbdLook(`nbd://127.0.0.1:${port}/x`, lookup)(AbortSignal.timeout(100)));
  });
});
