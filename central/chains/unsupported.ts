import type { Chain, ChainNode } from '#shared/model/chain.ts';

/** What a chain file may say and what nothing here carries out yet: such a chain is not taken, so that it does not wait for ever. */
export function unsupportedIn(chain: Chain): string[] {
  return Object.entries(chain.nodes).flatMap(([name, node]) => wrongIn(node).map((text) => `nodes.${name}: ${text}`));
}

const wrongIn = ({ power }: ChainNode): string[] => (power ? ['hosts are not switched on and off yet'] : []);
