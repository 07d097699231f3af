import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { sh } from './host.ts';

/** Node has no raw sockets. */
const SEND = `
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(('eth0', 0))
for line in sys.stdin:
    s.send(bytes.fromhex(line))
`;
const SNIFF = `
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind(('eth0', 0))
print('ready', flush=True)
while True:
    frame, of = s.recvfrom(65535)
    if of[2] != 4:
        print(frame.hex(), flush=True)
`;

const GIVE_UP_MS = 60_000;

/** A machine: a network namespace whose eth0 is the other end of a port of a bridge. @param join the line that puts the port on it */
export async function plug(space: string, port: string, mac: string, join: string): Promise<void> {
  await sh(
    `ip netns add ${space}`,
    `ip netns exec ${space} sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1`,
    `ip link add name ${port} type veth peer name eth0 address ${mac} netns ${space}`,
    join,
    `ip link set ${port} up`,
    `ip -n ${space} link set eth0 up`,
  );
}

/** Wait until an address answers a machine. @throws Error where it does not for long */
export const pinged = (space: string, address: string): Promise<string> =>
  sh(`for n in $(seq 15); do ip netns exec ${space} ping -c 1 -W 2 ${address} && exit; done; exit 1`);

/**
 * Send frames from one machine, and tell which of them another one saw, by the names that they hold. The last of them must be one that
 * passes: frames keep their order, so all that came has come by then.
 */
export async function passed(from: string, to: string, frames: readonly Buffer[], last: string): Promise<Set<string>> {
  const sniffer = spawn('ip', ['netns', 'exec', to, 'python3', '-c', SNIFF], { stdio: ['ignore', 'pipe', 'inherit'] });
  const seen = new Set<string>();
  const giveUp = setTimeout(() => sniffer.kill('SIGKILL'), GIVE_UP_MS);
  try {
    const all = createInterface({ input: sniffer.stdout })[Symbol.asyncIterator]();
    await all.next();
    const sender = spawn('ip', ['netns', 'exec', from, 'python3', '-c', SEND], {
      stdio: ['pipe', 'inherit', 'inherit'],
    });
    sender.stdin.end(frames.map((frame) => `${frame.toString('hex')}\n`).join(''));
    await once(sender, 'close');
    while (!seen.has(last)) {
      const { value, done } = await all.next();
      if (done) throw new Error(`${last} did not arrive, but ${[...seen].join(', ') || 'nothing'} did`);
      for (const [, name = ''] of Buffer.from(value, 'hex')
        .toString('latin1')
        .matchAll(/#([a-z0-9 ]+)#/g))
        seen.add(name);
    }
  } finally {
    clearTimeout(giveUp);
    sniffer.kill('SIGKILL');
  }
  return seen;
}
