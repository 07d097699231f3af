import { mkdir, writeFile } from 'node:fs/promises';
import { dnsmasqFiles } from '#agent/networks/linux/router/dnsmasq.ts';
import { planRouter } from '#agent/networks/linux/router/plan.ts';
import { wholeRuleset } from '#agent/networks/linux/router/ruleset.ts';
import type { Forward } from '#shared/model/network.ts';
import type { Figure } from '../figures.ts';
import { AROUND_ROUTER, routerWith } from './asked.ts';
import { driverOf, make } from './segments.ts';
import { batch, signal, tool, Watches, within } from './tools.ts';

const RESERVATIONS = 50;
const FORWARD: Forward = { protocol: 'tcp', port: 8080, address: '10.99.0.10', toPort: 80 };
const HAND = '/run/bench/hand';
const SPACE = 'hand';

type Step = 'make' | 'look' | 'reserve' | 'forward' | 'remove';
type Name = Step | `hand ${Step}`;

/** The bridge outside that routers have a leg on. */
export const makeOutside = (): Promise<string> =>
  batch('ip', ['link add name wan0 type bridge', 'addr add 203.0.113.1/24 dev wan0', 'link set wan0 up']);

/** A router with 50 reservations, in turn with one by hand. */
export async function benchRouter(rounds: number): Promise<Figure[]> {
  const driver = driverOf();
  await make(driver, AROUND_ROUTER);
  const watches = new Watches<Name>();
  for (let round = -1; round < rounds; round++) {
    if (round === 0) watches.forget();
    const keep = (more: number, forwards: readonly Forward[] = []) =>
      driver.makeRouter(routerWith(RESERVATIONS + more, [...forwards]), AROUND_ROUTER, signal());
    await watches.time('make', () => keep(0));
    await watches.time('look', () => keep(0));
    await watches.time('reserve', () => keep(1));
    await watches.time('forward', () => keep(1, [FORWARD]));
    await watches.time('remove', () => driver.removeRouter('gate', signal()));
    await byHand(watches);
  }
  await driver.removeNetworks(['grid'], signal());
  return figuresOf(watches);
}

async function byHand(watches: Watches<Name>): Promise<void> {
  await watches.time('hand make', makeByHand);
  await watches.time('hand look', () => tool('ip', ['-n', SPACE, '-j', '-d', 'addr', 'show']));
  await watches.time('hand reserve', () =>
    writeFile(`${HAND}/reservations/one`, '52:54:00:02:00:77,10.99.0.200,one\n'),
  );
  await watches.time('hand forward', () =>
    within(SPACE, ['nft', '-f', '-'], 'add element inet skerry forwards4 { tcp . 8080 : 10.99.0.10 . 80 }\n'),
  );
  await watches.time('hand remove', async () => {
    await tool('sh', ['-c', `kill "$(cat ${HAND}/pid)"`]);
    await batch('ip', ['link del dev hand-grid', 'link del dev hand-wan', `netns del ${SPACE}`]);
  });
}

/** What a person would type who knows all of it: links, settings, rules, and dnsmasq, which comes back when it serves. */
async function makeByHand(): Promise<void> {
  const plan = planRouter(routerWith(RESERVATIONS), AROUND_ROUTER, 'here');
  const { configuration, names, reservations } = dnsmasqFiles(plan);
  for (const folder of ['names', 'reservations']) await mkdir(`${HAND}/${folder}`, { recursive: true });
  for (const [name, text] of names) await writeFile(`${HAND}/names/${name}`, text);
  for (const [name, text] of reservations) await writeFile(`${HAND}/reservations/${name}`, text);
  // It would keep its standard error open, and with it who waits for its end.
  const text = configuration.text
    .replaceAll('/mnt/', `${HAND}/`)
    .replace('log-facility=-\n', '')
    .replace('pid-file=\n', `pid-file=${HAND}/pid\n`);
  await writeFile(`${HAND}/dnsmasq.conf`, text);
  await batch('ip', [
    `netns add ${SPACE}`,
    `link add name hand-grid mtu 1450 master sk-grid type veth peer name grid netns ${SPACE} mtu 1450`,
    `link add name hand-wan master wan0 type veth peer name out netns ${SPACE}`,
    'link set dev hand-grid up',
    'link set dev hand-wan up',
  ]);
  await batch(
    'ip',
    [
      ...['lo', 'grid', 'out'].map((link) => `link set dev ${link} up`),
      'addr add 10.99.0.1/16 dev grid',
      'addr add 203.0.113.2/24 dev out',
      'route add default via 203.0.113.1 dev out',
    ],
    SPACE,
  );
  await within(SPACE, ['sysctl', '--quiet', '--write', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']);
  await within(SPACE, ['nft', '-f', '-'], wholeRuleset(plan));
  await within(SPACE, ['dnsmasq', `--conf-file=${HAND}/dnsmasq.conf`]);
}

const figuresOf = (watches: Watches<Name>): Figure[] => [
  watches.against(
    `router with ${RESERVATIONS} reservations: make`,
    ['make'],
    ['hand make'],
    'ip, sysctl, nft, dnsmasq',
  ),
  watches.against('nothing to do', ['look'], ['hand look'], 'one ip addr show', false),
  watches.against('add a reservation', ['reserve'], ['hand reserve'], 'a file', false),
  watches.against('add a forward', ['forward'], ['hand forward'], 'one nft -f', false),
  watches.against('remove', ['remove'], ['hand remove'], 'kill, ip', true),
];
