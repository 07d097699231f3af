import type { AskAgent } from '#central/agents/caller.ts';
import type { Site } from '#central/inventory/site.ts';
import { checkWay, peerOf } from '#central/networks/check.ts';
import { networkPicture } from '#central/networks/graph.ts';
import { createNetwork, deleteNetwork, wantNetwork } from '#central/networks/network-changes.ts';
import type { Networks } from '#central/networks/networks.ts';
import { networkInfo, networkRecord } from '#central/networks/records.ts';
import { networkNamed } from '#central/networks/rules.ts';
import { mtuOf, routersOn } from '#central/networks/state.ts';
import { Failure } from '#shared/errors.ts';
import type { Lease } from '#shared/model/network.ts';
import type { Nic } from '#shared/model/nic.ts';
import type { ProbeLook } from '#shared/model/probe.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import type { May } from '#shared/verb/policy.ts';
import type { Call } from '#shared/verb/request.ts';
import type { ArgsOf, Verb } from '#shared/verb/verb.ts';
import { hostVerbs } from '#shared/verbs/host.ts';
import { type ExaminedNetwork, hostedNetworkVerbs } from '#shared/verbs/hosted-network.ts';
import type { NetworkHop, networkVerbs } from '#shared/verbs/network.ts';
import { nicVerbs } from '#shared/verbs/nic.ts';
import { attaching } from './attach.ts';
import { knownHost } from './site.ts';

type CheckArgs = ArgsOf<(typeof networkVerbs)['network.check']>;

export interface NetworkVerbDeps {
  networks: Networks;
  site: Site;
  ask: AskAgent;
  may: May;
  now(): number;
}

/** What is for the whole site is changed by who may do so on all of it. @throws Failure not-permitted */
export function requireAll(may: May, { requester, verb }: Pick<Call, 'requester' | 'verb'>): void {
  if (!may(requester, verb, { guest: '' })) throw new Failure('not-permitted', { requester: requester.bareJid, verb });
}

export function networkHandlers(deps: NetworkVerbDeps): Handlers<typeof networkVerbs> {
  const { networks, site, may, now } = deps;
  const { attach, detach } = attaching(deps);
  const recordOf = (name: string, problems: readonly string[] = []) => {
    const record = networkRecord(networks, networkNamed(networks.state, name));
    return { ...record, problems: [...new Set([...record.problems, ...problems])] };
  };
  const want =
    (wanted: 'up' | 'down') =>
    async ({ network }: { network: string }, call: Call) => {
      requireAll(may, call);
      const { problems } = await networks.take(call, (state) => wantNetwork(state, network, wanted));
      return recordOf(network, problems);
    };
  return {
    'network.list': async () => [...networks.state.networks.keys()].sort().map((name) => recordOf(name)),
    'network.info': async ({ network }, { requester }) =>
      networkInfo(deps, networkNamed(networks.state, network), (guest) => may(requester, 'guest.info', { guest })),
    'network.create': async (
      { network: name, subnet, kind, mtu = mtuOf(kind), domain = null, link = null, host: hosts, ...rest },
      call,
    ) => {
      requireAll(may, call);
      for (const host of hosts) knownHost(site, host);
      const at = new Date(now()).toISOString();
      const said = { ...{ name, domain, link, at }, hosts: [...new Set(hosts)].sort(), by: call.requester.bareJid };
      const { problems } = await networks.make(call, (state) =>
        createNetwork(state, { ...rest, ...said, kind, mtu, subnets: subnet }, Math.random),
      );
      return recordOf(name, problems);
    },
    'network.delete': async ({ network: name }, call) => {
      requireAll(may, call);
      const { made, problems } = await networks.take(call, (state) => deleteNetwork(state, name));
      const network = networkNamed(made.before, name);
      return { ...networkRecord(networks, network), hosts: [], wanted: 'deleted', problems };
    },
    'network.start': want('up'),
    'network.stop': want('down'),
    'network.attach': attach,
    'network.detach': detach,
    'network.leases': ({ network }, call) => leasesOf(deps, network, call),
    'network.check': (args, call) => check(deps, args, call),
    'network.graph': async ({ network, picture }, { requester }) => ({
      text: networkPicture({ networks, site, only: network, picture }, (guest) =>
        may(requester, 'guest.info', { guest }),
      ),
    }),
  };
}

/**
 * It tells of guests and hosts on the way, and looks from hosts: so it is for who may do so on all of the site. What else hosts can reach
 * is told to who may probe from them.
 */
function check(deps: NetworkVerbDeps, { from, to, port }: CheckArgs, call: Call): Promise<NetworkHop[]> {
  const { networks, site, ask, may } = deps;
  requireAll(may, call);
  if (port !== undefined || !peerOf(deps, to)) requireAll(may, { ...call, verb: 'host.probe' });
  if (!site.find(from) && !site.findHost(from)) throw new Failure('guest-not-found', { guest: from, host: 'any host' });
  let serial = 0;
  const own = (): Call => ({ ...call, operation: `${call.operation} ${++serial}` });
  const askHost = async (host: string, verb: string, row: Verb, args: object): Promise<unknown> =>
    (await ask(knownHost(site, host), verb, row, { ...args }, own())).value;
  const examineRow = hostedNetworkVerbs['network.examine'];
  const probeRow = hostVerbs['host.probe'];
  return checkWay(
    {
      ...{ networks, site },
      listNics: async ({ guest, host }) =>
        (await askHost(host.name, 'nic.list', nicVerbs['nic.list'], { guest: guest.name })) as Nic[],
      examine: async (host, network, mac) =>
        (await askHost(host, 'network.examine', examineRow, { network, mac })) as ExaminedNetwork,
      look: async (host, network, target) => {
        using _leg = network === undefined ? undefined : await networks.lookFrom(network, host, own());
        return (await askHost(host, 'host.probe', probeRow, { kind: 'tcp', target, network })) as ProbeLook;
      },
    },
    ...([from, to, port] as const),
  );
}

/** As the routers tell them. Of those that cannot be asked nothing is known, which is no reason not to tell of the others. */
async function leasesOf(
  { networks, site, ask }: NetworkVerbDeps,
  name: string | undefined,
  call: Call,
): Promise<Lease[]> {
  const { state } = networks;
  const network = name === undefined ? undefined : networkNamed(state, name);
  const routers = network ? routersOn(state, network.name) : [...state.routers.values()];
  const hosts = [...new Set(routers.map(({ host }) => host))];
  const told = await Promise.allSettled(
    hosts.map(async (host) => {
      const row = hostedNetworkVerbs['network.leases'];
      return (await ask(knownHost(site, host), 'network.leases', row, {}, call)).value as Lease[];
    }),
  );
  const failed = told.find((each) => each.status === 'rejected');
  const leases = told.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
  if (failed && leases.length === 0) throw failed.reason;
  return leases.filter((lease) => network === undefined || lease.network === network.name);
}
