import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type Relay, relay } from '#provisioning/rig/relay.ts';

describe('relay', () => {
  const folder = mkdtempSync(join(tmpdir(), 'skerry-relay-'));
  const path = join(folder, 'inner.sock');
  let inner: Server;
  const opened: Relay[] = [];

  before(async () => {
    // Says back all that it has read, once the other side has said all.
    inner = createServer({ allowHalfOpen: true }, (socket) => {
      const read: Buffer[] = [];
      socket.on('data', (part) => read.push(Buffer.from(part))).on('end', () => socket.end(Buffer.concat(read)));
    });
    inner.listen(path);
    await once(inner, 'listening');
  });
  after(() => {
    inner.close();
    rmSync(folder, { recursive: true });
  });
  afterEach(() => {
    for (const each of opened.splice(0)) each.close();
  });

  const open = async (wanted: number | undefined, target: () => string | undefined) => {
    const made = await relay(wanted, target);
    opened.push(made);
    return made;
  };

  it('hands on megabytes in both directions, and the end of each', async () => {
    const { port } = await open(undefined, () => path);
    const client = createConnection({ port, host: '127.0.0.1', allowHalfOpen: true });
    const sent = 'é'.repeat(2_000_000);
    client.end(sent);
    assert.equal(await text(client), sent);
  });

  it('turns clients away while there is nothing inside, and lets them in when there is', async () => {
    let target: string | undefined;
    const { port } = await open(undefined, () => target);
    assert.equal(await text(createConnection(port, '127.0.0.1')).catch(() => ''), '');
    target = path;
    const client = createConnection({ port, host: '127.0.0.1', allowHalfOpen: true });
    client.end('hello');
    assert.equal(await text(client), 'hello');
  });

  it('survives a socket that is not there', async () => {
    const { port } = await open(undefined, () => join(folder, 'missing.sock'));
    for (let count = 0; count < 3; count += 1) {
      const client = createConnection(port, '127.0.0.1').on('error', () => {});
      await once(client, 'close');
    }
  });

  it('takes the port that it had, and another where that is taken', async () => {
    const first = await open(undefined, () => path);
    const other = await open(first.port, () => path);
    assert.notEqual(other.port, first.port);
    first.close();
    const again = await open(first.port, () => path);
    assert.equal(again.port, first.port);
  });

  it('listens on loopback only', async () => {
    const { port } = await open(undefined, () => path);
    const outside = createConnection(port, '127.0.0.2');
    await assert.rejects(once(outside, 'connect'), /ECONNREFUSED/);
  });
});
