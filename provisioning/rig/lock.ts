import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Hold a rig's folder for this process. The lock is a name in the kernel's own list of sockets (unix(7), abstract), which
 * goes with the process, however that ends: there is no file to be stale.
 * @returns what lets it go; undefined when another process holds it
 */
export async function lockRig(dir: string): Promise<(() => void) | undefined> {
  const name = `\0skerry-rig-${createHash('sha256').update(dir).digest('hex').slice(0, 32)}`;
  const server = createServer((socket) => socket.destroy());
  try {
    server.listen(name);
    await once(server, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined;
    throw error;
  }
  server.unref();
  return () => server.close();
}
