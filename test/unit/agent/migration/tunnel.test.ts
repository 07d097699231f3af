import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { type Listening, type ListenOptions, listenForSource, openChannel } from '#agent/migration/tunnel.ts';
import { Failure } from '#shared/errors.ts';

const key = randomBytes(32);
const ports = { from: 49_152, to: 49_215 };
const address = '127.0.0.1';

/** All that comes, until its end; what goes the other way stays open. */
const text = (stream: Duplex): Promise<string> =>
  new Promise((resolve, reject) => {
    let said = '';
    stream.setEncoding('utf8').on('data', (more: string) => {
      said += more;
    });
    stream.once('end', () => resolve(said)).once('error', reject);
  });

describe('channels between two hosts', () => {
  const listening: Listening[] = [];
  const listen = async (accept: ListenOptions['accept'], within = ports): Promise<Listening> => {
    const made = await listenForSource({ address, ports: within, key, accept });
    listening.push(made);
    return made;
  };
  afterEach(() => {
    for (const each of listening.splice(0)) each.close();
  });
  const unreachable = (error: unknown): boolean => error instanceof Failure && error.code === 'host-unreachable';

  it('carry bytes both ways, each by its name, to their ends', async () => {
    const { port } = await listen(async (channel, stream) => stream.end(`${channel}: ${await text(stream)}`));
    const said = await Promise.all(
      ['memory', 'disks'].map(async (channel) => {
        const stream = await openChannel({ host: 'host2', address, port, key }, channel);
        stream.end(`what ${channel} is`);
        return text(stream);
      }),
    );
    assert.deepEqual(said, ['memory: what memory is', 'disks: what disks is']);
  });

  it('are opened to nobody without the key', async () => {
    let accepted = 0;
    const { port } = await listen(() => accepted++);
    for (const wrong of [randomBytes(32), randomBytes(16)])
      await assert.rejects(openChannel({ host: 'host2', address, port, key: wrong }, 'libvirt'), unreachable);
    assert.equal(accepted, 0);
  });

  it('take the next port where one is taken, and none where all are', async () => {
    const [first, second] = [await listen(() => {}), await listen(() => {})];
    assert.notEqual(first.port, second.port);
    await assert.rejects(
      listen(() => {}, { from: first.port, to: first.port }),
      (error: unknown) => error instanceof Failure && error.code === 'host-command',
    );
  });

  it('end with the listening', async () => {
    const { port, close } = await listen(() => {});
    const stream = await openChannel({ host: 'host2', address, port, key }, 'memory');
    const ended = new Promise((resolve) =>
      stream
        .on('error', () => {})
        .once('end', resolve)
        .resume(),
    );
    close();
    await ended;
    await assert.rejects(openChannel({ host: 'host2', address, port, key }, 'memory'), unreachable);
  });
});
