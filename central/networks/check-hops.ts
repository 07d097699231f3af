/** The hops that a packet comes by, each looked at by itself: what was found there, and what would mend it. */
import type { SiteGuest } from '#central/inventory/known-site.ts';
import type { Site } from '#central/inventory/site.ts';
import { Failure } from '#shared/errors.ts';
import { isActive } from '#shared/model/guest.ts';
import type { Nic } from '#shared/model/nic.ts';
import type { ProbeLook } from '#shared/model/probe.ts';
import type { ExaminedNetwork } from '#shared/verbs/hosted-network.ts';
import type { NetworkHop } from '#shared/verbs/network.ts';
import type { Networks } from './networks.ts';
import { strayOf } from './problems.ts';
import { routersOn, type SiteNetwork, type SitePort } from './state.ts';
import { wallOf } from './walls.ts';

/** What hosts are asked. @throws Failure */
export interface CheckDeps {
  networks: Pick<Networks, 'state' | 'handing'>;
  site: Pick<Site, 'find' | 'findHost'>;
  listNics(guest: SiteGuest): Promise<Nic[]>;
  examine(host: string, network: string, mac: string | undefined): Promise<ExaminedNetwork>;
  /** One TCP connection from a leg on the network; without one, from the host itself. */
  look(host: string, network: string | undefined, target: string): Promise<ProbeLook>;
}

export type Hop = NetworkHop;
const good = (hop: string, found: string): Hop => ({ hop, verdict: 'good', found });
export const bad = (hop: string, found: string, mend: string): Hop => ({ hop, verdict: 'bad', found, mend });

/** The discard port: nobody listens there, and whoever is there refuses it at once. */
const ANY_PORT = 9;

/** An end of the way that is a guest or a host, with its port on the network. */
export interface End {
  name: string;
  guest: SiteGuest | undefined;
  host: string;
  port: SitePort | undefined;
}

export async function* endHops(deps: CheckDeps, network: SiteNetwork, end: End): AsyncGenerator<Hop, void, undefined> {
  const { guest, port, host, name } = end;
  if (guest) {
    const { state } = guest.guest;
    yield isActive(state)
      ? good(`guest ${name}`, `${state} on ${host}`)
      : bad(`guest ${name}`, `it is ${state}`, `guest start ${name}`);
    yield await asked(`interface of ${name}`, () => nicHop(deps, guest, network, port));
    const stray = port && strayOf(port, network, guest.guest);
    if (stray !== undefined)
      yield bad(`address of ${name}`, stray, `guest reboot ${name}, or ask for its address anew`);
  }
  yield networkHop(deps, network, host);
  yield await asked(`${network.name} on ${host}`, async () =>
    portHop(await examined(deps, network, end), network, end),
  );
  if (network.vni !== null)
    yield await asked(`tunnel of ${host}`, async () => tunnelHop(await examined(deps, network, end), host));
}

const examined = ({ examine }: CheckDeps, { name }: SiteNetwork, { host, port }: End): Promise<ExaminedNetwork> =>
  examine(host, name, port?.mac);

/** What a host does not answer is a hop that is wrong. */
async function asked(hop: string, ask: () => Promise<Hop>): Promise<Hop> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return bad(hop, error.message, 'see that its host is there: host doctor');
  }
}

async function nicHop(
  { listNics }: CheckDeps,
  guest: SiteGuest,
  { name: network }: SiteNetwork,
  port: SitePort | undefined,
): Promise<Hop> {
  const hop = `interface of ${guest.contact}`;
  const attach = `network attach ${guest.contact} network=${network}`;
  if (!port) return bad(hop, `it has none on ${network}`, attach);
  const nics = (await listNics(guest)).filter(({ mac }) => mac === port.mac);
  if (nics.some(({ holds }) => holds === 'now')) return good(hop, `${port.mac} on ${network}`);
  if (nics.length > 0)
    return bad(hop, `${port.mac} is not as it shall be before the next start`, `restart ${guest.contact}`);
  return bad(hop, `it has no ${port.mac}`, `network detach ${guest.contact} ${network}, then ${attach}`);
}

function networkHop({ networks: { handing } }: CheckDeps, { name, wanted }: SiteNetwork, host: string): Hop {
  const hop = `network ${name}`;
  if (wanted === 'down') return bad(hop, 'it is stopped', `network start ${name}`);
  if (!handing.compiled.realisersOf(name).includes(host))
    return bad(hop, `${host} has no part in it`, `network create ${name} … host=${host}, or attach a guest there`);
  const { how, problem = '', troubles } = handing.standOf(host);
  if (how !== 'taken') return bad(hop, `${host}: ${problem}`, `see that the agent of ${host} is there`);
  const trouble = troubles.find((each) => each.what === 'network' && each.name === name);
  return trouble
    ? bad(hop, `${host}: ${trouble.problem}`, `mend that on ${host}; it is tried again by itself`)
    : good(hop, `realised on ${host}`);
}

function portHop({ link, isGuarded, state, problem = '' }: ExaminedNetwork, network: SiteNetwork, end: End): Hop {
  const { name, host, port } = end;
  const hop = `${network.name} on ${host}`;
  if (state !== 'up') return bad(hop, problem, `mend that on ${host}; it is tried again by itself`);
  if (!port) return good(hop, 'up');
  if (link === undefined) return bad(hop, `no link of ${name} is on its bridge`, `restart ${name}`);
  return isGuarded
    ? good(hop, `${link} is on its bridge, and is guarded`)
    : bad(hop, `${link} is not guarded for ${port.mac}`, `see network info ${network.name} for what ${host} has taken`);
}

const tunnelHop = ({ lost }: ExaminedNetwork, host: string): Hop =>
  lost.length === 0
    ? good(`tunnel of ${host}`, 'every other host answers')
    : bad(`tunnel of ${host}`, lost.join('; '), 'see to the underlay between the hosts, and to its MTU');

export function* routerHops(
  { networks: { state, handing } }: CheckDeps,
  network: SiteNetwork,
  way: Parameters<typeof wallOf>[2],
): Generator<Hop> {
  if (network.kind === 'outside') return;
  const wall = wallOf(state, network, way);
  if (wall) return yield bad(`way out of ${network.name}`, wall.found, wall.mend);
  const routers = routersOn(state, network.name).filter(({ outside }) => outside?.network !== network.name);
  const [router] = routers;
  const hop = `router of ${network.name}`;
  if (!router) return yield bad(hop, 'it has none, so there is no way out', `router create … network=${network.name}`);
  const { name, host, wanted } = router;
  if (wanted === 'down') return yield bad(hop, `${name} is stopped`, `router start ${name}`);
  const planned = handing.compiled.troubles.find((each) => each.what === 'router' && each.name === name)?.problem;
  if (planned !== undefined) return yield bad(hop, planned, `router start ${name} host=HOST`);
  const { how, problem = '', troubles } = handing.standOf(host);
  const trouble = troubles.find((each) => each.what === 'router' && each.name === name)?.problem;
  if (how !== 'taken') return yield bad(hop, `${host}: ${problem}`, `see that the agent of ${host} is there`);
  yield trouble === undefined
    ? good(hop, `${name} is up on ${host}`)
    : bad(hop, `${host}: ${trouble}`, `mend that on ${host}; it is tried again by itself`);
}

/** By a leg of the host on the network, since nobody can look from inside of a guest; or from the host itself. */
export async function reachHop(
  { look }: CheckDeps,
  { host, network }: { host: string; network?: string },
  address: string,
  port: number | undefined,
): Promise<Hop> {
  const target = `${address.includes(':') ? `[${address}]` : address}:${port ?? ANY_PORT}`;
  const hop = `${address} from ${network === undefined ? '' : `${network} on `}${host}`;
  return asked(hop, async () => {
    const { verdict, why = '' } = await look(host, network, target);
    if (verdict === 'good') return good(hop, `${target} takes a connection`);
    const isThere = why === 'connection refused';
    if (isThere && port === undefined) return good(hop, 'it answers');
    return isThere
      ? bad(hop, `it answers, and nobody listens at port ${port}`, 'start what shall listen there')
      : bad(hop, why, 'see to its address, and to what it lets in');
  });
}
