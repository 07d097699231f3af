import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { freePorts } from '#provisioning/ejabberd/free-ports.ts';

const SERVER = '/usr/sbin/nats-server';
const DIAL_MS_MAX = 5_000;
const ROUNDS = 3;

/**
 * A request to each of so many subscribers, each with a connection of its own, through Debian's nats-server.
 *
 * @returns ms, the middle of three; undefined where nats-server is not installed
 * Source: docs.nats.io, NATS protocol for clients
 */
export async function natsRequests(count: number, atOnce: number): Promise<number | undefined> {
  if (await access(SERVER).catch(() => true)) return undefined;
  const [port = 0] = await freePorts(1);
  const server = spawn('setpriv', ['--pdeathsig', 'KILL', SERVER, '-a', '127.0.0.1', '-p', String(port)], {
    stdio: 'ignore',
  });
  const gone = once(server, 'exit');
  const sockets: Socket[] = [];
  try {
    for (let n = 0; n < count; n++) sockets.push(await subscriber(port, n));
    const asker = await dial(port);
    sockets.push(asker);
    const waiting = new Map<string, () => void>();
    onLines(asker, (line) => waiting.get(/^MSG inbox\.(\d+) /.exec(line)?.[1] ?? '')?.());
    asker.write('SUB inbox.* 1\r\n');
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) times.push(await ask(asker, waiting, count, atOnce));
    return times.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)];
  } finally {
    for (const socket of sockets) socket.destroy();
    server.kill('SIGTERM');
    await gone;
  }
}

async function ask(asker: Socket, waiting: Map<string, () => void>, count: number, atOnce: number): Promise<number> {
  const begin = performance.now();
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.set(String(n), resolve);
      asker.write(`PUB host.${n} inbox.${n} 0\r\n\r\n`);
      await promise;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return performance.now() - begin;
}

async function subscriber(port: number, n: number): Promise<Socket> {
  const socket = await dial(port);
  onLines(socket, (line) => {
    const reply = /^MSG \S+ \S+ (\S+) \d+$/.exec(line)?.[1];
    if (reply) socket.write(`PUB ${reply} 2\r\nok\r\n`);
  });
  socket.write(`SUB host.${n} 1\r\n`);
  return socket;
}

async function dial(port: number): Promise<Socket> {
  const end = performance.now() + DIAL_MS_MAX;
  for (;;) {
    const socket = connect(port, '127.0.0.1').setNoDelay(true);
    try {
      await once(socket, 'connect');
      socket.write('CONNECT {"verbose":false}\r\n');
      return socket;
    } catch (error) {
      if (performance.now() > end) throw error;
      await delay(50);
    }
  }
}

const onLines = (socket: Socket, onLine: (line: string) => void): void =>
  void createInterface({ input: socket }).on('line', (line) => {
    if (line === 'PING') socket.write('PONG\r\n');
    onLine(line);
  });
