import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { sh } from './host.ts';

const SERVE = `
import socket, sys
s = socket.create_server((sys.argv[1], 5000))
print('ready', flush=True)
c, of = s.accept()
n = 0
while True:
    d = c.recv(65536)
    if not d: break
    n += len(d)
print(n, of[0], flush=True)
`;
const SEND = `
import socket, sys
s = socket.create_connection((sys.argv[1], 5000), timeout=10)
s.sendall(b'x' * int(sys.argv[2]))
s.close()
`;

/**
 * Send so many bytes by TCP to an address of a namespace: checksums and sizes of packets that are wrong on the way keep them from arriving.
 *
 * @param from what runs a program where it is sent from
 * @returns how many came, and from whom they seemed to come
 */
export async function stream(
  from: readonly string[],
  to: { space: string; address: string },
  bytes: number,
): Promise<{ bytes: number; source: string }> {
  const server = spawn('ip', ['netns', 'exec', to.space, 'timeout', '20', 'python3', '-c', SERVE, to.address], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(server, 'close');
  const said = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
  await said.next();
  await sh([...from, 'python3', '-c', `'${SEND}'`, to.address, bytes].join(' ').replaceAll("b'x'", 'b"x"'));
  const { value = '' } = await said.next();
  await ended;
  const [came, source = ''] = String(value).split(' ');
  return { bytes: Number(came), source };
}
