import { randomUUID } from 'node:crypto';
import { agentCaller } from '#central/agents/caller.ts';
import type { JobFeed } from '#central/agents/job-feed.ts';
import { isBack, isOther } from '#central/inventory/anew.ts';
import type { Site } from '#central/inventory/site.ts';
import type { Kept } from '#central/kept.ts';
import type { Networks } from '#central/networks/networks.ts';
import { passedHandlers } from '#central/verbs/passed.ts';
import type { GraphNode } from '#shared/chain/compile.ts';
import { type Clock, systemClock } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';
import type { May } from '#shared/verb/policy.ts';
import { passedGuestVerbs } from '#shared/verbs/fleet.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { ChainBook, type KnownChain } from './book.ts';
import { carrier } from './carry.ts';
import { coldStarts } from './cold-starts.ts';
import { exportNodes } from './export-nodes.ts';
import { hostAt } from './facts.ts';
import { joinedNodes, type ManagedNodes } from './managed-nodes.ts';
import { type NetworkNodes, networkNodes } from './network-nodes.ts';
import { type Probing, probing } from './probing.ts';
import { ChainRuns } from './runs.ts';
import { type ChainStore, chainStore } from './store.ts';

export interface ChainsDeps {
  site: Site;
  store: ChainStore;
  carry: ReturnType<typeof carrier>;
  networks: NetworkNodes;
  exports: ManagedNodes;
  probing(answered: () => void): Probing;
  coldStarts(book: ChainBook): ReturnType<typeof coldStarts>;
  clock: Clock;
  log: Record<'warn', (fields: object, message: string) => void>;
  onBug(error: unknown): void;
}

export interface Chains {
  book: ChainBook;
  runs: ChainRuns;
  store: ChainStore;
  stop(): void;
}

/**
 * The chains of the site and their runs. Chains with `autostart` are brought up when central begins and when a host is back after a
 * silence or a boot, unless they were ordered down; it is done on behalf of whoever set them.
 */
export async function startChains({ site, store, clock, log, onBug, ...deps }: ChainsDeps): Promise<Chains> {
  const book = new ChainBook(store);
  const looks = deps.probing(() => runs.nudge());
  const runs: ChainRuns = new ChainRuns({
    ...{ book, site, store, clock, onBug },
    probing: looks,
    carry: deps.carry,
    managed: joinedNodes([deps.networks, deps.exports]),
  });
  const autostart = (isMeant: (chain: KnownChain) => boolean): void => {
    for (const chain of book.list()) {
      const { name, by } = chain.stored;
      if (!isUpAtBoot(chain) || !isMeant(chain)) continue;
      const id = `${name}-auto-${clock.now().toString(36)}`;
      runs.startByItself({ chain: name, requester: by, id }).catch((error: unknown) => {
        if (error instanceof Failure)
          log.warn({ chain: name, problem: error.message }, 'a chain cannot start by itself');
        else onBug(error);
      });
    }
  };
  await book.load(onBug);
  await runs.resume();
  const offChange = site.onChange((change) => {
    if (change.what === 'guest' || isOther(change)) runs.nudge();
    if (isBack(change)) autostart(({ graph }) => graph.nodes.some(isAt(site, change.name)));
  });
  const offNetworks = deps.networks.onChange(() => runs.nudge());
  autostart(() => true);
  const atBoot = deps.coldStarts(book);
  const onBook = (): void => {
    atBoot.refresh();
    // A host that boots with no central looks by the legs that it has.
    looks.watchAtBoot(book.list().flatMap((chain) => (isUpAtBoot(chain) ? chain.graph.nodes : [])));
  };
  onBook();
  const offBook = book.onChange(onBook);
  return {
    ...{ book, runs, store },
    stop: () => {
      offChange();
      offNetworks();
      offBook();
      atBoot.stop();
      runs.stop();
      looks.stop();
    },
  };
}

/** Whether a chain comes up by itself, unless it is ordered down. */
const isUpAtBoot = ({ chain, stored }: KnownChain): boolean => chain.autostart && stored.wanted !== 'down';

/** Whether a node is that host, or on it. */
const isAt =
  (site: Site, host: string) =>
  (node: GraphNode): boolean =>
    node.spec.kind !== 'group' && node.spec.kind !== 'check' && hostAt(site, node) === host;

export interface SiteChainsDeps {
  entity: Entity;
  kept: Kept;
  may: May;
  feed: JobFeed;
  networks: Networks;
  log: Record<'warn', (fields: object, message: string) => void>;
  onBug(error: unknown): void;
}

/** The same with what central has. */
export function siteChains({ entity, kept, may, feed, networks, log, onBug }: SiteChainsDeps): Promise<Chains> {
  const { site, database, writer, trail } = kept;
  const clock = systemClock;
  const own = { bareJid: entity.bareJid, fullJid: entity.bareJid };
  const ask = agentCaller({ entity, clock, site });
  const passed = passedHandlers({ site, ask, feed, clock }, passedGuestVerbs);
  const nodes = networkNodes({ networks, may, trail, clock });
  const exports = exportNodes({ site, ask, may, trail, clock });
  const lookFrom = (network: string, host: string) =>
    networks.lookFrom(network, host, { requester: own, operation: randomUUID() });
  return startChains({
    ...{ site, clock, log, onBug, exports, networks: nodes },
    store: chainStore(database, writer),
    carry: carrier({ site, passed, may, trail, clock }),
    coldStarts: (book) => coldStarts({ entity, site, book, clock, log }),
    probing: (answered) =>
      probing({ entity, site, clock, log, answered, onBug, networks: { hostOf: nodes.hostOf, lookFrom } }),
  });
}
