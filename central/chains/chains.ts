import type { Site, SiteChange } from '#central/inventory/site.ts';
import type { Clock } from '#shared/clock.ts';
import { ChainBook, type KnownChain } from './book.ts';
import type { carrier } from './carry.ts';
import type { Probing } from './probing.ts';
import { ChainRuns } from './runs.ts';
import type { ChainStore } from './store.ts';

export interface ChainsDeps {
  site: Site;
  store: ChainStore;
  carry: ReturnType<typeof carrier>;
  probing(answered: () => void): Probing;
  clock: Clock;
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
 * silence, unless they were ordered down; it is done on behalf of whoever set them.
 */
export async function startChains({ site, store, clock, onBug, ...deps }: ChainsDeps): Promise<Chains> {
  const book = new ChainBook(store);
  const probing = deps.probing(() => runs.nudge());
  const runs: ChainRuns = new ChainRuns({ ...{ book, site, store, probing, clock, onBug }, carry: deps.carry });
  const autostart = (isMeant: (chain: KnownChain) => boolean): void => {
    for (const chain of book.list()) {
      const { name, wanted, by } = chain.stored;
      if (!chain.chain.autostart || wanted === 'down' || runs.isGoing(name) || !isMeant(chain)) continue;
      const id = `${name}-auto-${clock.now().toString(36)}`;
      runs.order({ chain: name, goal: 'up', part: [], requester: by, id }).catch(onBug);
    }
  };
  await book.load(onBug);
  await runs.resume();
  const offChange = site.onChange((change) => {
    if (change.what === 'guest' || change.before?.reach !== change.after?.reach) runs.nudge();
    if (isBack(change)) autostart(({ graph }) => graph.nodes.some(({ spec }) => spec.host === change.name));
  });
  autostart(() => true);
  return {
    ...{ book, runs, store },
    stop: () => {
      offChange();
      runs.stop();
      probing.stop();
    },
  };
}

/** Whether a host is heard after a silence. */
const isBack = (change: SiteChange): change is Extract<SiteChange, { what: 'host' }> =>
  change.what === 'host' && change.before?.reach === 'unreachable' && change.after?.reach === 'heard';
