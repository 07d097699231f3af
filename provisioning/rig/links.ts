import type { Machine } from './machine.ts';
import { run } from './run.ts';

/**
 * The rig's network: a bridge in the server's namespace, and a pair of links from it to each host, made between the two
 * namespaces directly. The main namespace never has an end of any of them.
 */

/** Make the bridge that joins the hosts. */
export async function makeSegment(server: Machine, address: string): Promise<void> {
  await ip(server, [
    'link add name segment address 52:54:00:4d:00:01 type bridge forward_delay 0',
    `addr add ${address}/24 dev segment`,
    'link set segment up',
  ]);
}

/** Give a host its address on the segment. */
export async function addressHost(host: Machine, address: string): Promise<void> {
  await ip(host, [`addr add ${address}/24 dev br0`, 'link set br0 up']);
}

/** Join a host to the segment: its uplink is a port of its br0. */
export async function joinSegment(server: Machine, host: Machine): Promise<void> {
  // The kernel takes a link away a moment after the namespace of its other end has gone.
  await ip(server, [`link del ${host.name}`]).catch(() => {});
  await ip(server, [
    `link add name ${host.name} type veth peer name uplink netns ${host.init.pid}`,
    `link set ${host.name} master segment up`,
  ]);
  await ip(host, ['link set uplink master br0 up']);
}

/** Take a host's uplink away, or give it back, as a pulled cable would. */
export async function setLink(server: Pick<Machine, 'init'>, host: string, isUp: boolean): Promise<void> {
  await ip(server, [`link set ${host} ${isUp ? 'up' : 'down'}`]);
}

/** In its network namespace only: `netns PID` above is a number of the main PID namespace. */
async function ip(machine: Pick<Machine, 'init'>, lines: readonly string[]): Promise<void> {
  await run(['nsenter', '-t', `${machine.init.pid}`, '-n', '--', 'ip', '-batch', '-'], {
    input: `${lines.join('\n')}\n`,
  });
}
