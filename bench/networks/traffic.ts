import { z } from 'zod';
import { type Run, run } from '#agent/exec/run.ts';
import { Failure } from '#shared/errors.ts';
import { type Figure, timesOf } from '../figures.ts';
import { AROUND_ROUTER, isolated, routerWith } from './asked.ts';
import { driverOf, make } from './segments.ts';
import { batch, signal, tool, within } from './tools.ts';

/** From a namespace to an address in another one, by iperf3. */
interface Way {
  name: string;
  from: string;
  to: string;
  at: string;
}

const WAYS: readonly Way[] = [
  { name: 'bare veth pair', from: 'a', to: 'b', at: '198.51.100.2' },
  { name: "through a network's bridge", from: 'g1', to: 'g2', at: '10.99.0.12' },
  { name: "through a router's NAT", from: 'g1', to: 'o', at: '203.0.113.9' },
  { name: "through a network's VXLAN between two hosts", from: 'v1', to: 'v2', at: '10.77.0.2' },
];

/** TCP through what Skerry makes, against a bare pair of links, in turn. */
export async function benchTraffic(rounds: number): Promise<Figure[]> {
  if (!(await hasIperf())) return [{ name: 'throughput', value: 'not measured', note: 'iperf3 is not installed' }];
  await layOut();
  const speeds = new Map<Way, number[]>(WAYS.map((way) => [way, []]));
  for (let round = 0; round < rounds; round++)
    for (const [way, known] of speeds) known.push(await gigabitsThrough(way));
  const [bare = Number.NaN, ...others] = [...speeds.values()].map((each) => timesOf(each).p50Ms);
  return others.map((speed, at) => ({
    name: `TCP ${WAYS[at + 1]?.name}`,
    value: `${speed.toFixed(1)} Gbit/s`,
    floor: `${WAYS[0]?.name} ${bare.toFixed(1)} Gbit/s`,
    ratio: bare / speed,
  }));
}

async function hasIperf(): Promise<boolean> {
  try {
    await tool('iperf3', ['--version']);
    return true;
  } catch (error) {
    if (error instanceof Failure && /there is no program/.test(error.message)) return false;
    throw error;
  }
}

async function layOut(): Promise<void> {
  const driver = driverOf();
  await make(driver, AROUND_ROUTER);
  await driver.makeRouter(routerWith(1), AROUND_ROUTER, signal());
  await batch(
    'ip',
    [...new Set(WAYS.flatMap(({ from, to }) => [from, to])), 'h1', 'h2'].map((space) => `netns add ${space}`),
  );
  await batch('ip', [
    'link add name eth0 netns a type veth peer name eth0 netns b',
    'link add name under0 netns h1 type veth peer name under0 netns h2',
    'link add name port-o master wan0 type veth peer name eth0 netns o',
    'link set dev port-o up',
    ...['g1', 'g2'].flatMap((space) => [
      `link add name port-${space} mtu 1450 master sk-grid type veth peer name eth0 mtu 1450 netns ${space}`,
      `link set dev port-${space} up`,
    ]),
  ]);
  for (const [at, space] of ['h1', 'h2'].entries()) await layHost(space, at + 1);
  for (const [space, address, more] of [
    ['a', '198.51.100.1/24', []],
    ['b', '198.51.100.2/24', []],
    ['g1', '10.99.0.11/16', ['route add default via 10.99.0.1']],
    ['g2', '10.99.0.12/16', []],
    ['o', '203.0.113.9/24', []],
    ['v1', '10.77.0.1/24', []],
    ['v2', '10.77.0.2/24', []],
  ] as const)
    await batch('ip', ['link set dev lo up', 'link set dev eth0 up', `addr add ${address} dev eth0`, ...more], space);
  for (const space of new Set(WAYS.map(({ to }) => to))) await serve(space);
}

/** Another host: its underlay, and the network of its guest, made by a driver that is there. */
async function layHost(space: string, at: number): Promise<void> {
  await batch('ip', ['link set dev lo up', 'link set dev under0 up', `addr add 192.0.2.${at}/24 dev under0`], space);
  const there: Run = (command, ending) =>
    run({ ...command, file: 'ip', args: ['netns', 'exec', space, command.file, ...command.args] }, ending);
  const tunnel = { vni: 77, local: `192.0.2.${at}`, peers: [`192.0.2.${3 - at}`] };
  await make(driverOf(there), [isolated('far', tunnel)]);
  await batch(
    'ip',
    [
      `link add name port0 mtu 1450 master sk-far type veth peer name eth0 mtu 1450 netns v${at}`,
      'link set dev port0 up',
    ],
    space,
  );
}

/** It listens when this comes back. */
async function serve(space: string): Promise<void> {
  await within(space, ['iperf3', '--server', '--daemon']);
  await within(space, [
    'sh',
    '-c',
    'for n in $(seq 200); do ss -Hltn "sport = :5201" | grep -q . && exit; sleep 0.05; done; exit 1',
  ]);
}

const Said = z.object({ end: z.object({ sum_received: z.object({ bits_per_second: z.number() }) }) });

async function gigabitsThrough({ from, at }: Way): Promise<number> {
  const said = await within(from, ['iperf3', '--client', at, '--time', '2', '--omit', '1', '--json']);
  return Said.parse(JSON.parse(said)).end.sum_received.bits_per_second / 1e9;
}
