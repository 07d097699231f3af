import type { Chain, ChainNode } from '#shared/model/chain.ts';

/** What a chain file may say and what nothing here carries out yet: such a chain is not taken, so that it does not wait for ever. */
export function unsupportedIn(chain: Chain): string[] {
  return Object.entries(chain.nodes).flatMap(([name, node]) => wrongIn(node).map((text) => `nodes.${name}: ${text}`));
}

function wrongIn({ kind, power, params, tags, ready }: ChainNode): string[] {
  const tests = ready?.tests ?? [];
  return [
    ...(kind === 'export' ? [`${kind}s are not run yet`] : []),
    ...(power ? ['hosts are not switched on and off yet'] : []),
    ...(Object.keys(params).length > 0 ? ['params are not handed to guests yet'] : []),
    ...(tags.length > 0 ? ['guests are not placed by tags yet: say host, or nothing'] : []),
    ...(tests.some(({ presence }) => presence !== undefined) ? ['presences are not looked at yet'] : []),
    ...(kind === 'check' && tests.some(({ from, network }) => from === undefined && network === undefined)
      ? ['say from which host it is looked at (from)']
      : []),
  ];
}
