import type { Site } from '#central/inventory/site.ts';
import {
  addForward,
  addIngress,
  destinationOf,
  removeForward,
  removeIngress,
} from '#central/networks/entry-changes.ts';
import type { Networks, Next } from '#central/networks/networks.ts';
import { routerRecord } from '#central/networks/records.ts';
import { createRouter, deleteRouter, type NewRouter } from '#central/networks/router-changes.ts';
import { requireMovable, startRouter, wantRouter } from '#central/networks/router-moves.ts';
import { routerNamed } from '#central/networks/rules.ts';
import { type Destination, mtuOf } from '#central/networks/state.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import type { May } from '#shared/verb/policy.ts';
import type { Call } from '#shared/verb/request.ts';
import type { ArgsOf } from '#shared/verb/verb.ts';
import type { RouterRecord, routerVerbs } from '#shared/verbs/router.ts';
import { requireAll } from './network.ts';

export interface RouterVerbDeps {
  networks: Networks;
  site: Site;
  may: May;
  now(): number;
}

type CreateArgs = ArgsOf<(typeof routerVerbs)['router.create']>;

export function routerHandlers(deps: RouterVerbDeps): Handlers<typeof routerVerbs> {
  const { networks, site, may } = deps;
  const recordOf = (name: string, problems: readonly string[] = []): RouterRecord => {
    const record = routerRecord(networks, routerNamed(networks.state, name));
    return { ...record, problems: [...new Set([...record.problems, ...problems])] };
  };
  const hostNames = (): string[] => site.hosts().map(({ name }) => name);
  const take = async (router: string, call: Call, next: Next): Promise<RouterRecord> => {
    requireAll(may, call);
    const { problems } = await networks.take(call, next);
    return recordOf(router, problems);
  };
  return {
    ...entryHandlers(deps, recordOf),
    'router.list': async () => [...networks.state.routers.keys()].sort().map((name) => recordOf(name)),
    'router.info': async ({ router }) => recordOf(router),
    'router.create': async (args, call) => {
      requireAll(may, call);
      const { realisersOf } = networks.handing.compiled;
      const means = { plan: networks.macs, random: Math.random, hosts: hostNames(), realisersOf };
      const wanted = wantedBy(args, call.requester.bareJid, new Date(deps.now()).toISOString());
      const { problems } = await networks.make(call, (state) => createRouter(state, wanted, means));
      return recordOf(args.router, problems);
    },
    'router.start': ({ router: name, host, force: isForced }, call) => {
      requireAll(may, call);
      requireMovable(networks.state, { name, host, isForced }, (each) => site.findHost(each)?.reach === 'heard');
      return take(name, call, (state) => startRouter(state, { name, host, isForced }, hostNames()));
    },
    'router.stop': ({ router }, call) => take(router, call, (state) => wantRouter(state, router, 'down')),
    'router.delete': async ({ router: name }, call) => {
      requireAll(may, call);
      const { made, problems } = await networks.take(call, (state) => deleteRouter(state, name));
      // As it was, without what belonged to it.
      const router = routerNamed(made.before, name);
      return { ...routerRecord(networks, router), wanted: 'deleted', problems };
    },
  };
}

function wantedBy(args: CreateArgs, by: string, at: string): NewRouter {
  const { router: name, subnet, kind, mtu = mtuOf(kind), level, domain = null, ...rest } = args;
  const made = { name, kind, subnets: subnet, mtu, level, domain, link: null, hosts: [], by, at };
  return { ...rest, outside: rest.outside, host: rest.host, name, own: subnet.length > 0 ? made : undefined, by, at };
}

/** What comes in by a router. */
function entryHandlers(
  { networks, site, may }: RouterVerbDeps,
  recordOf: (name: string, problems?: readonly string[]) => RouterRecord,
) {
  const contactOf = (guest: string): string => site.guest(guest).contact;
  const read = (field: string, text: string, port: number): Destination => destinationOf(field, text, port, contactOf);
  /** Of one that is to be taken out, the guest may be gone. */
  const readOld = (text: string, port: number): Destination =>
    destinationOf('server', text, port, (guest) => site.find(guest)?.contact ?? guest);
  return {
    'router.forward-add': async ({ router, port, to, protocol }, call: Call) => {
      requireAll(may, call);
      const wanted = { router, port, protocol, to: read('to', to, port) };
      const { problems } = await networks.make(call, (state) => addForward(state, wanted));
      return recordOf(router, problems);
    },
    'router.forward-remove': async ({ router, port, protocol }, call: Call) => {
      requireAll(may, call);
      const { problems } = await networks.take(call, (state) => removeForward(state, { router, port, protocol }));
      return recordOf(router, problems);
    },
    'router.ingress-add': async ({ router, name, server, port, check = null }, call: Call) => {
      requireAll(may, call);
      const servers = server.map((text) => read('server', text, port));
      const { problems } = await networks.make(call, (state) =>
        addIngress(state, { router, name, port, servers, check }),
      );
      return recordOf(router, problems);
    },
    'router.ingress-remove': async ({ router, name, server, port }, call: Call) => {
      requireAll(may, call);
      const servers = server.map((text) => readOld(text, port));
      const { problems } = await networks.take(call, (state) => removeIngress(state, { router, name, port, servers }));
      return recordOf(router, problems);
    },
  } satisfies Partial<Handlers<typeof routerVerbs>>;
}
