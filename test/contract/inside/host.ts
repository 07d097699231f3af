import { run } from '#agent/exec/run.ts';
import type { Routers } from '#agent/networks/linux/driver.ts';

/** Lines for a shell, one after another, in the namespace of this process. @returns what they said */
export const sh = (...lines: string[]): Promise<string> =>
  run({ file: 'bash', args: ['-c', ['set -e', ...lines].join('\n')], timeoutMs: 60_000 }, AbortSignal.timeout(60_000));

/** A host that has no routers. */
export const noRouters: Routers = {
  makeRouter: async () => {},
  removeRouter: async () => {},
  readRouters: async () => [],
  examineRouter: async () => [],
  readGiven: async (router) => ({ router, addresses: [] }),
  readLeases: async () => [],
  watch: () => () => {},
};

/** All that one can see of networks, without what is counted and numbered, and what the kernel finds out a moment later. */
export async function shape(): Promise<string> {
  return await sh(
    'ip -d link show | grep -E "^[0-9]+:|vxlan|alias" | sed -e "s/^[0-9]*: //" -e "s/@if[0-9]*:/:/" -e "s/,LOWER_UP//; s/NO-CARRIER,//; s/ state [A-Z]* / /" | sort',
    'bridge fdb show | grep 00:00:00:00:00:00 | sort',
    'nft list ruleset | sed -e "s/packets [0-9]* bytes [0-9]*//"',
    'for space in $(ip netns list | cut -d" " -f1 | sort); do echo $space; ip -n $space -br addr show; ip -n $space route; done | sed -e "s/@if[0-9]*//" -e "s/fe80:[^ ]*//" -e "s/  */ /g" -e "s/ \\(UP\\|DOWN\\|LOWERLAYERDOWN\\|UNKNOWN\\) / /; s/ linkdown//"',
  );
}
