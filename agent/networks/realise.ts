import { Failure } from '#shared/errors.ts';
import { MESH_LINK } from '#shared/model/mesh.ts';
import type { HostNetworks, NetworkStanding, NetworkTrouble } from '#shared/model/network.ts';
import type { NetworkDriver, Realised } from './driver.ts';
import type { Patience } from './patience.ts';

export interface RealiseDeps {
  driver: NetworkDriver;
  waits: Patience;
}

type What = NetworkTrouble['what'];

/**
 * Make the host's networks as the document says: what is not wanted goes, what others stand on last; then guards, before any port can open, and
 * what stands on others last.
 *
 * What fails keeps nothing else from being done.
 * @returns what is not as it should be
 */
export async function realise(
  deps: RealiseDeps,
  wanted: HostNetworks,
  signal: AbortSignal,
): Promise<Omit<NetworkStanding, 'digest'>> {
  const { driver } = deps;
  const troubles = new Troubles(deps.waits, signal);
  const there = await reading(() => driver.readRealised(signal), signal);
  if (there instanceof Failure) {
    // What is not wanted may be there still, and nothing else here has its name.
    const unknown = { what: 'host' as const, name: 'networks', problem: there.message };
    return { troubles: [unknown, ...everything(wanted, there.message)] };
  }
  await remove(driver, wanted, there, troubles, signal);
  await guard(driver, wanted, troubles, signal);
  if (wanted.mesh) await join(driver, wanted, troubles, signal);
  await make(driver, wanted, troubles, signal);
  if (!wanted.mesh) await join(driver, wanted, troubles, signal);
  const underlay = await reading(() => driver.readUnderlay(signal), signal);
  const wireguard = await reading(() => driver.readWireguard(signal), signal);
  if (wireguard instanceof Failure) troubles.add('mesh', MESH_LINK, wireguard.message);
  const given = await readGiven(driver, wanted, signal);
  // A link that is not there keeps tunnels from being made, and each of them says so.
  return {
    troubles: troubles.all,
    ...(given.length > 0 ? { given } : {}),
    ...(underlay && !(underlay instanceof Failure) ? { underlay } : {}),
    ...(wireguard && !(wireguard instanceof Failure) ? { wireguard } : {}),
  };
}

/** The link that tunnels go by is there before them, and goes after them. */
async function join(
  driver: NetworkDriver,
  { mesh, networks }: HostNetworks,
  troubles: Troubles,
  signal: AbortSignal,
): Promise<void> {
  const inside = networks.flatMap(({ tunnel }) => (tunnel && tunnel.local === mesh?.address ? [tunnel.vni] : []));
  const vnis = inside.toSorted((a, b) => a - b);
  await troubles.try('mesh', MESH_LINK, () => driver.keepMesh(mesh, vnis, signal));
}

/** Collects what fails, and holds back what failed a short time ago. */
class Troubles {
  readonly all: NetworkTrouble[] = [];
  readonly #waits: Patience;
  readonly #signal: AbortSignal;

  constructor(waits: Patience, signal: AbortSignal) {
    this.#waits = waits;
    this.#signal = signal;
  }

  add(what: What, name: string, problem: string): void {
    this.all.push({ what, name, problem });
  }

  /** Whether it may be tried now. */
  may(what: What, name: string): boolean {
    const problem = this.#waits.problemOf(`${what} ${name}`);
    if (problem !== undefined) this.add(what, name, problem);
    return problem === undefined;
  }

  failed(what: What, name: string, failure: Failure): void {
    this.#waits.failed(`${what} ${name}`, failure.message);
    this.add(what, name, failure.message);
  }

  /** @returns whether it was done */
  async try(what: What, name: string, work: () => Promise<void>): Promise<boolean> {
    if (!this.may(what, name)) return false;
    const failure = await reading(work, this.#signal);
    if (failure instanceof Failure) this.failed(what, name, failure);
    else this.#waits.succeeded(`${what} ${name}`);
    return !(failure instanceof Failure);
  }
}

async function reading<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T | Failure> {
  signal.throwIfAborted();
  try {
    return await work();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}

async function remove(
  driver: NetworkDriver,
  wanted: HostNetworks,
  there: Realised,
  troubles: Troubles,
  signal: AbortSignal,
): Promise<void> {
  const without = (names: readonly string[], all: readonly string[]): string[] => {
    const known = new Set(all);
    return names.filter((name) => !known.has(name));
  };
  const routers = wanted.routers.map(({ name }) => name);
  const looks = wanted.looks.map(({ network }) => network);
  const networks = wanted.networks.filter(({ kind }) => kind !== 'outside').map(({ name }) => name);
  for (const name of without(there.routers, routers))
    await troubles.try('router', name, () => driver.removeRouter(name, signal));
  for (const name of without(there.looks, looks))
    await troubles.try('look', name, () => driver.removeLook(name, signal));
  const gone = without(there.networks, networks);
  const failure = gone.length > 0 && (await reading(() => driver.removeNetworks(gone, signal), signal));
  if (failure instanceof Failure) for (const name of gone) troubles.failed('network', name, failure);
}

async function guard(
  driver: NetworkDriver,
  { ports }: HostNetworks,
  troubles: Troubles,
  signal: AbortSignal,
): Promise<void> {
  const failure = await reading(() => driver.guardPorts(ports, signal), signal);
  if (failure instanceof Failure) for (const { mac } of ports) troubles.add('port', mac, failure.message);
}

async function make(
  driver: NetworkDriver,
  { networks, ports, looks, routers }: HostNetworks,
  troubles: Troubles,
  signal: AbortSignal,
): Promise<void> {
  const due = networks.filter(({ name }) => troubles.may('network', name));
  const failed = await reading(() => driver.makeNetworks(due, ports, signal), signal);
  for (const { name } of due) {
    const failure = failed instanceof Failure ? failed : failed.get(name);
    await troubles.try('network', name, async () => {
      if (failure) throw failure;
    });
  }
  for (const look of looks) {
    const network = networks.find(({ name }) => name === look.network);
    if (network) await troubles.try('look', look.network, () => driver.makeLook(look, network, signal));
  }
  for (const router of routers) {
    const isMade = await troubles.try('router', router.name, () => driver.makeRouter(router, networks, signal));
    const found = isMade && (await reading(() => driver.examineRouter(router.name, signal), signal));
    const problems = found instanceof Failure ? [found.message] : found || [];
    for (const problem of problems) troubles.add('router', router.name, problem);
  }
}

/** Of routers that ask outside for their address. */
async function readGiven(
  driver: NetworkDriver,
  { routers }: HostNetworks,
  signal: AbortSignal,
): Promise<NonNullable<NetworkStanding['given']>> {
  const given: NonNullable<NetworkStanding['given']> = [];
  for (const { name } of routers.filter(({ outside }) => outside?.addresses.length === 0)) {
    const found = await reading(() => driver.readGiven(name, signal), signal);
    given.push(found instanceof Failure ? { router: name, addresses: [], problem: found.message } : found);
  }
  return given;
}

/** The same problem for all that a host shall realise. */
export const everything = (wanted: HostNetworks, problem: string): NetworkTrouble[] => [
  ...wanted.networks.map(({ name }) => ({ what: 'network' as const, name, problem })),
  ...wanted.ports.map(({ mac }) => ({ what: 'port' as const, name: mac, problem })),
  ...wanted.looks.map(({ network }) => ({ what: 'look' as const, name: network, problem })),
  ...wanted.routers.map(({ name }) => ({ what: 'router' as const, name, problem })),
  ...(wanted.mesh ? [{ what: 'mesh' as const, name: MESH_LINK, problem }] : []),
];
