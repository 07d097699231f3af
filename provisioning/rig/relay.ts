import { once } from 'node:events';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { Failure } from '#shared/errors.ts';
import { freePorts } from '../ejabberd/free-ports.ts';

const TRIES_MAX = 10;

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

/** Listen on that port, or on a free one where it is taken. @throws Failure setup-needed */
async function listen(server: Server, wantedPort: number | undefined): Promise<number> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const [port = 0] = tries === 0 && wantedPort !== undefined ? [wantedPort] : await freePorts(1);
    try {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
      return port;
    } catch (error) {
      // Somebody else can have taken a port that was free a moment ago.
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
  throw new Failure('setup-needed', { problem: `${TRIES_MAX} free ports of 127.0.0.1 were taken by others` });
}
