import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rosterHosts } from '#shared/ejabberd/accounts.ts';
import { buildGuest } from '../guest/build.ts';
import { ensurePackages } from '../packages.ts';
import { buildZoneRoot } from '../zones/root.ts';
import { keepAgent } from './agent-part.ts';
import type { Board } from './board.ts';
import { centralSecret, keepCentral } from './central-part.ts';
import { type Doors, openDoors } from './doors.ts';
import { tellGuestEvents } from './events.ts';
import { keepHost, type RunningHost } from './host-part.ts';
import type { Kept } from './keep.ts';
import { kvmVerdict } from './kvm.ts';
import type { Layout } from './layout.ts';
import { areOnline, ensureHostAccount, ensurePeople, type Person, refusal } from './people.ts';
import { CENTRAL, DOMAIN, type PlannedHost, PUBSUB, ROOM, SERVER_ADDRESS } from './plan.ts';
import { type RigFile, writeRigFile } from './rig-file.ts';
import { doorTarget, keepServer, SERVICE, type ServerPart } from './server-part.ts';
import type { Site } from './site.ts';
import { removeState } from './state.ts';

/** A rig that is coming up. What is started goes on the stack at once, to be ended in reverse. */
export interface Rise {
  dir: string;
  layout: Layout;
  board: Board;
  stack: AsyncDisposableStack;
  say: (line: string) => void;
  hypervisorUri: string | undefined;
  /** The rig's own hosts and guests, where no other hypervisor is used. */
  hosts: readonly PlannedHost[];
}

type RunningHosts = ReadonlyMap<string, Kept<RunningHost>>;

/** The tiny guest is the same for all rigs of this clone. */
const CACHE = fileURLToPath(new URL('../../.cache', import.meta.url));
const SHUTDOWN_MS = 20_000;

/** Start all parts, each as soon as what it needs is there. @throws Failure setup-needed with what is missing */
export async function assemble(rise: Rise): Promise<Omit<Site, 'stop'>> {
  const { layout, stack, say, hypervisorUri } = rise;
  await ensurePackages(['rig'], say);
  const planned = hypervisorUri === undefined ? rise.hosts : [];
  const hostNames = hypervisorUri === undefined ? planned.map(({ name }) => name) : ['host1'];
  const names = new Map([['server', SERVER_ADDRESS], ...planned.map(({ name, address }) => [name, address] as const)]);
  const hosts = new Map<string, Kept<RunningHost>>();

  const { server, doors } = await raiseServer(rise, names, hosts);
  const [people, accelerator] = await Promise.all([
    raiseAccounts(rise, server, hostNames),
    hypervisorUri === undefined
      ? raiseHosts(rise, server, planned, names, hosts)
      : `Guests are those of ${hypervisorUri}.`,
  ]);
  await raiseCentral(rise, server, people, hostNames);
  await raiseAgents(rise, server, doors, people, hostNames, hosts);
  stack.defer(() => endGuests(hosts));

  const rig = rigFile(server, doors, people, hostNames);
  await writeRigFile(layout.rig, rig);
  stack.defer(() => removeState(layout.rig));
  return {
    rig,
    accelerator,
    guests: new Map(planned.map((host) => [host.name, [...host.guests, ...host.zones].map(({ name }) => name)])),
  };
}

async function raiseServer(
  { dir, layout, board, stack, say }: Rise,
  names: ReadonlyMap<string, string>,
  hosts: RunningHosts,
): Promise<{ server: ServerPart; doors: Doors }> {
  let server: ServerPart | undefined;
  const doors = await openDoors(layout.ports, (door) => doorTarget(server?.machine.peek(), door));
  stack.defer(() => doors.close());
  const made = await keepServer({
    rigDir: dir,
    stateFolder: layout.server,
    names,
    httpPort: () => doors.ports.http,
    centralSecret: await centralSecret(layout.central),
    hosts: () => [...hosts.values()].map((host) => host.peek()?.machine).filter((machine) => machine !== undefined),
    started: board.started,
    say,
  });
  stack.defer(() => made.stop());
  server = made;
  return { server, doors };
}

async function raiseAccounts(
  { layout, say }: Rise,
  server: ServerPart,
  hostNames: readonly string[],
): Promise<Person[]> {
  const { ejabberd } = await server.ejabberd.now();
  say('ejabberd is up');
  const people = await ensurePeople(ejabberd.api, layout.people);
  for (const name of hostNames) await ensureHostAccount(ejabberd.api, name, credentialsOf(layout, name));
  await rosterHosts(ejabberd.api, DOMAIN, hostNames);
  return people;
}

const credentialsOf = (layout: Layout, name: string): string => join(layout.host(name), 'credentials.json');

async function raiseHosts(
  { dir, layout, board, stack, say }: Rise,
  server: ServerPart,
  planned: readonly PlannedHost[],
  names: ReadonlyMap<string, string>,
  hosts: Map<string, Kept<RunningHost>>,
): Promise<string> {
  const [image, zoneRoot] = [await buildGuest(CACHE, say), await buildZoneRoot(CACHE)];
  const kvm = await kvmVerdict(image, layout.kvm);
  for (const plan of planned) {
    const host = keepHost({
      rigDir: dir,
      plan,
      stateFolder: layout.host(plan.name),
      names,
      image,
      zoneRoot,
      hasKvm: kvm.works,
      server: () => server.machine.now(),
      started: board.started,
      say,
    });
    stack.defer(() => host.stop());
    hosts.set(plan.name, host);
  }
  for (const [name, host] of hosts) {
    await host.now();
    say(`${name} is up`);
    const events = tellGuestEvents(dir, name, async () => (await host.now()).uri, say);
    stack.defer(() => events.stop());
  }
  return kvm.works ? 'Guests run under KVM.' : `QEMU emulates the guests' processors (TCG): ${kvm.because}.`;
}

async function raiseCentral(
  { dir, layout, board, stack, say }: Rise,
  server: ServerPart,
  people: readonly Person[],
  hostNames: readonly string[],
): Promise<void> {
  const central = keepCentral({
    rigDir: dir,
    stateFolder: layout.central,
    machine: () => server.machine.now(),
    hosts: hostNames,
    people,
    started: board.started,
    say,
  });
  stack.defer(() => central.stop());
  await central.now();
}

async function raiseAgents(
  { dir, layout, board, stack, say, hypervisorUri }: Rise,
  server: ServerPart,
  doors: Doors,
  people: readonly Person[],
  hostNames: readonly string[],
  hosts: RunningHosts,
): Promise<void> {
  const refusals: Promise<never>[] = [];
  for (const name of hostNames) {
    const host = hosts.get(name);
    const agent = keepAgent({
      rigDir: dir,
      name,
      stateFolder: layout.host(name),
      machine: host && (async () => (await host.now()).machine),
      hypervisorUri: hypervisorUri ?? 'qemu:///system',
      service: host ? SERVICE : { host: '127.0.0.1', port: doors.ports.starttls },
      ca: server.ca,
      credentials: credentialsOf(layout, name),
      people,
      started: board.started,
      say,
    });
    stack.defer(() => agent.stop());
    refusals.push(refusal(name, await agent.now(), layout));
  }
  const { ejabberd } = await server.ejabberd.now();
  await Promise.race([areOnline(ejabberd.api, hostNames, layout), ...refusals]);
  say(`Agents are connected: ${hostNames.join(', ')}`);
}

async function endGuests(hosts: RunningHosts): Promise<void> {
  // A host whose libvirtd does not answer has no guests that could be asked; they end with it.
  await Promise.allSettled([...hosts.values()].map((host) => host.peek()?.endGuests(SHUTDOWN_MS)));
}

const rigFile = (
  server: ServerPart,
  doors: Doors,
  people: readonly Person[],
  hostNames: readonly string[],
): RigFile => ({
  domain: DOMAIN,
  ca: server.ca,
  xmpp: {
    host: '127.0.0.1',
    port: doors.ports.starttls,
    directTlsPort: doors.ports.directTls,
    websocketUrl: `ws://127.0.0.1:${doors.ports.http}/ws`,
  },
  accounts: people.map(({ jid, password, role }) => ({ jid, password, role })),
  hosts: hostNames.map((name) => ({ name, jid: `${name}@${DOMAIN}` })),
  central: CENTRAL,
  room: ROOM,
  pubsub: PUBSUB,
});
