import { once } from 'node:events';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { Failure } from '#shared/errors.ts';

/** A door on the machine's loopback: what comes in is handed, byte for byte, to a UNIX socket in a machine of the rig. */
export interface Relay {
  readonly port: number;
  close(): void;
}

/**
 * Open a door.
 * @param wantedPort the port that it had before; another is taken where that one is not free
 * @param target where the socket is at the moment, undefined while there is none: then who knocks is turned away
 */
export async function relay(wantedPort: number | undefined, target: () => string | undefined): Promise<Relay> {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const path = target();
    if (path === undefined) {
      client.on('error', () => {}).destroy();
      return;
    }
    const inner = createConnection({ path, allowHalfOpen: true });
    for (const [from, to] of [
      [client, inner],
      [inner, client],
    ] as const) {
      open.add(from);
      from.pipe(to);
      // Whatever becomes of one end becomes of the other.
      from.on('error', () => to.destroy());
      from.on('close', () => {
        open.delete(from);
        to.destroySoon();
      });
    }
  });
  const port = await listen(server, wantedPort);
  return {
    port,
    close() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

async function listen(server: Server, wantedPort: number | undefined): Promise<number> {
  for (const port of wantedPort === undefined ? [0] : [wantedPort, 0]) {
    try {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
      const address = server.address();
      if (address !== null && typeof address === 'object') return address.port;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
  throw new Failure('setup-needed', { problem: 'no port of 127.0.0.1 is free' });
}
