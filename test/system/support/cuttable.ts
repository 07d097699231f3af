import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A way to a port of 127.0.0.1 that can be cut: all that is connected by it breaks, and may connect again. */
export async function cuttable(port: number): Promise<{ port: number; now(): void; close(): void }> {
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const inner = connect(port, '127.0.0.1');
    for (const socket of [client, inner]) {
      open.add(socket);
      socket.on('error', () => {}).on('close', () => open.delete(socket));
    }
    client.pipe(inner).pipe(client);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const now = (): void => open.forEach((socket) => void socket.resetAndDestroy());
  return {
    port: (server.address() as AddressInfo).port,
    now,
    close() {
      server.close();
      now();
    },
  };
}
