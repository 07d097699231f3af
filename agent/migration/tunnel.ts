/**
 * Responsibilities: channels between the agents of two hosts, for one guest that moves, and nothing else.
 *
 * Theory of operation: where the guest comes to, the agent listens at one port for as long as it is awaited. Whoever connects proves
 * by TLS that it has the key of this move (a pre-shared key of 256 bits, RFC 4279 and RFC 5489), which
 * central made and gave to both agents; each side so knows the other. A connection is one channel: its name on a line, then its bytes.
 *
 * What can go wrong: a connection breaks. What it carried ends with it, and the hypervisors give the move up.
 */
import type { Server, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { readLine } from '#agent/streams/line.ts';
import { Failure, messageOf } from '#shared/errors.ts';

/** Forward secrecy, so that a key that is found later opens nothing. Of TLS 1.2, which has them by a plain key. */
const TLS = {
  ciphers: 'ECDHE-PSK-CHACHA20-POLY1305',
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
} as const;
const IDENTITY = 'skerry-migration';
const OPEN_MS_MAX = 20_000;
const CHANNEL_BYTES_MAX = 64;

export interface Listening {
  port: number;
  close(): void;
}

export interface ListenOptions {
  address: string;
  ports: { from: number; to: number };
  key: Uint8Array;
  accept(channel: string, stream: Duplex): void;
}

/** Listen for the source of one guest. @throws Failure host-command: there is no port left, or no such address */
export async function listenForSource({ address, ports, key, accept }: ListenOptions): Promise<Listening> {
  const open = new Set<Socket>();
  const server = createServer({
    ...TLS,
    allowHalfOpen: true,
    handshakeTimeout: OPEN_MS_MAX,
    pskCallback: (_, identity) => (identity === IDENTITY ? Buffer.from(key) : null),
  });
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  server.on('secureConnection', (socket) => {
    socket.on('error', () => {});
    socket.setNoDelay(true);
    readLine(socket, CHANNEL_BYTES_MAX, AbortSignal.timeout(OPEN_MS_MAX)).then(
      (channel) => accept(channel, socket),
      () => socket.destroy(),
    );
  });
  const port = await listen(server, address, ports);
  return {
    port,
    close: () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

/** The first port that is free. */
async function listen(server: Server, address: string, { from, to }: ListenOptions['ports']): Promise<number> {
  let problem = '';
  for (let port = from; port <= to; port++) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject);
    server.listen({ host: address, port, exclusive: true }, resolve);
    try {
      await promise;
      // Of one connection, which is broken then.
      server.on('tlsClientError', () => {});
      return port;
    } catch (error) {
      problem = messageOf(error);
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') break;
    } finally {
      server.off('error', reject);
    }
  }
  throw new Failure('host-command', { problem: `no port to take a guest at: ${problem}` });
}

/** Open a channel to where the guest goes. @throws Failure host-unreachable */
export async function openChannel(
  { host, address, port, key }: { host: string; address: string; port: number; key: Uint8Array },
  channel: string,
): Promise<Duplex> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const options = {
    ...TLS,
    host: address,
    port,
    allowHalfOpen: true,
    // It has no certificate: that it has the key is its proof.
    pskCallback: () => ({ psk: Buffer.from(key), identity: IDENTITY }),
    checkServerIdentity: () => undefined,
  };
  const socket: TLSSocket = connect(options);
  const late = setTimeout(() => reject(new Error(`no answer within ${OPEN_MS_MAX / 1_000} s`)), OPEN_MS_MAX);
  socket.once('secureConnect', resolve).on('error', reject);
  socket.once('close', () => reject(new Error('it closed the connection')));
  try {
    await promise;
    socket.setNoDelay(true);
    socket.write(`${channel}\n`);
    return socket;
  } catch (error) {
    socket.destroy();
    const problem = `${address} port ${port}: ${messageOf(error)}`;
    throw new Failure('host-unreachable', { host, problem }, { cause: error });
  } finally {
    clearTimeout(late);
  }
}
