import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { Failure } from '#shared/errors.ts';

/**
 * Below what Linux gives to outgoing connections (ip_local_port_range begins at 32768): otherwise one of those could take
 * the port while its server restarts, or be connected to itself.
 */
const LOWEST = 20_000;
const HIGHEST = 32_767;
const TRIES_MAX = 1_000;

/** Ports of 127.0.0.1 that nobody listens on at this moment, all different. @throws Failure setup-needed */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    if (found.size >= count) return [...found];
    const port = randomInt(LOWEST, HIGHEST + 1);
    if (await isFree(port)) found.add(port);
  }
  throw new Failure('setup-needed', { problem: `127.0.0.1 has no ${count} free ports from ${LOWEST} to ${HIGHEST}` });
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
