import type { AskAgent } from '#central/agents/caller.ts';
import { localpartFor } from '#central/inventory/contacts.ts';
import type { SiteGuest } from '#central/inventory/known-site.ts';
import type { Site } from '#central/inventory/site.ts';
import type { MacPlan } from '#central/networks/allotment.ts';
import type { Made } from '#central/networks/book.ts';
import { linkOf } from '#central/networks/compile.ts';
import { addPort, type NewPort, portOf } from '#central/networks/network-changes.ts';
import type { Networks } from '#central/networks/networks.ts';
import { heldProblem, strayOf, unservedOf } from '#central/networks/problems.ts';
import { portRecord } from '#central/networks/records.ts';
import { networkNamed, networkOf } from '#central/networks/rules.ts';
import { type NetworkState, type SitePort, withoutRow } from '#central/networks/state.ts';
import { Failure } from '#shared/errors.ts';
import { isActive } from '#shared/model/guest.ts';
import { portLinkOf } from '#shared/model/network.ts';
import type { Nic } from '#shared/model/nic.ts';
import type { Call } from '#shared/verb/request.ts';
import type { PortRecord } from '#shared/verbs/network.ts';
import { nicVerbs } from '#shared/verbs/nic.ts';

export interface AttachDeps {
  networks: Networks;
  site: Site;
  ask: AskAgent;
}

/**
 * Guests' interfaces, in steps: the port is kept, the host realises the network and guards the port, and only then the guest gets its
 * interface. Where a step fails, those before are undone in reverse. Where nobody knows whether the last one took effect, all stays: the same
 * operation, asked again, goes on.
 */
export function attaching({ networks, site, ask }: AttachDeps) {
  const askNic = async (verb: 'nic.attach' | 'nic.detach', { guest, host }: SiteGuest, args: object, call: Call) => {
    const operation = `${call.operation} ${verb}`;
    const ran = await ask(host, verb, nicVerbs[verb], { guest: guest.name, ...args }, { ...call, operation });
    return ran.value as Nic[];
  };

  const attach = async (asked: NewPort, call: Call, next: Next = addPort): Promise<PortRecord> => {
    const target = reachable(site.guest(asked.guest));
    const wanted = { ...asked, guest: target.contact };
    const { made, problems: told } = await networks.make(call, (state) => next(state, wanted, networks.macs));
    // An address that it has already is no change.
    const port =
      made.change.length > 0 ? portIn(made) : portOf(made.after, target.contact, networkOf(made.after, asked.ip).name);
    try {
      const network = networkNamed(made.after, port.network);
      const problems = [...told, ...unservedOf(networks.state, network)];
      const link = { bridge: linkOf(network), mac: port.mac, link: portLinkOf(port.mac), mtu: network.mtu };
      const nics = await askNic('nic.attach', target, { network: network.name, ...link }, call);
      if (isCutOff(made, port, target) || strayOf(port, network, target.guest) !== undefined)
        return {
          ...portRecord(port, target, [...problems, heldProblem(target.contact)]),
          holds: 'from the next start',
        };
      return { ...portRecord(port, target, problems), holds: holdsOf(nics, port.mac) };
    } catch (error) {
      if (mayHaveActed(error)) throw error;
      await networks.undo(call, made);
      throw error;
    }
  };

  const detach = async ({ guest, network }: { guest: string; network: string }, call: Call): Promise<PortRecord> => {
    const target = site.find(guest) ?? site.find(localpartFor(guest));
    const contact = target?.contact ?? localpartFor(guest);
    const before = networks.state;
    const gone = await networks.earlier(call);
    const port = gone ? portIn(gone) : portOf(before, contact, network);
    // A guest that is on no host any more has nothing to be taken from.
    if (target && !gone) await askNic('nic.detach', reachable(target), { mac: port.mac }, call);
    const { problems } = await networks.take(call, (state) => withoutRow(state, 'ports', port.mac));
    return portRecord(port, target, problems);
  };
  return { attach, detach };
}

/** How a port comes to be as it is asked for. */
type Next = (state: NetworkState, wanted: NewPort, plan: MacPlan) => NetworkState;
export type Attaching = ReturnType<typeof attaching>;

/** @throws Failure host-unreachable: nothing of it could be done there */
function reachable(guest: SiteGuest): SiteGuest {
  const { name, reach, problem = 'it is not heard' } = guest.host;
  if (reach === 'heard') return guest;
  throw new Failure('host-unreachable', { host: name, problem: problem.replace(/\.$/, '') });
}

/** The port that a change made, or took away. */
function portIn({ change }: Pick<Made, 'change'>): SitePort {
  const touched = change.find(({ kind }) => kind === 'ports');
  const port = touched?.after ?? touched?.before;
  if (!port) throw new Error('a change of a port holds none');
  return port as SitePort;
}

/** Whether a running guest still goes by the address that it had until now. */
function isCutOff({ change }: Pick<Made, 'change'>, { mac, addresses }: SitePort, { guest }: SiteGuest): boolean {
  const before = change.find(({ kind, id }) => kind === 'ports' && id === mac)?.before as SitePort | null | undefined;
  const isHeld = (address: string): boolean =>
    guest.addresses.includes(address) || !!before?.addresses.includes(address);
  return isActive(guest.state) && !!before && !addresses.every(isHeld);
}

/** Of one that does not hold now there are two of one MAC, or only the one to come. */
const holdsOf = (nics: readonly Nic[], mac: string): 'now' | 'from the next start' =>
  nics.some((nic) => nic.mac === mac && nic.holds === 'from the next start') ? 'from the next start' : 'now';

const OPEN: ReadonlySet<string> = new Set(['operation-uncertain', 'verb-timeout', 'operation-running']);
/** Whether nobody knows what became of it: the same operation, asked again, goes on. */
export const mayHaveActed = (error: unknown): boolean => error instanceof Failure && OPEN.has(error.code);
