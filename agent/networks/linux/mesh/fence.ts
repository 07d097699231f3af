import type { Command } from '#agent/exec/run.ts';
import type { HostTools } from '#agent/networks/linux/carry-out.ts';
import { printOf } from '#agent/networks/linux/guards.ts';
import { VXLAN_PORT } from '#agent/networks/linux/plan.ts';
import { Failure } from '#shared/errors.ts';
import { MESH_LINK } from '#shared/model/mesh.ts';

export const FENCE_TABLE = 'skerry-mesh';

const nft = (args: readonly string[], input?: string): Command => ({
  ...{ file: 'nft', args, timeoutMs: 30_000 },
  ...(input === undefined ? {} : { input }),
});
const dropped = `add table inet ${FENCE_TABLE}\ndelete table inet ${FENCE_TABLE}\n`;

/**
 * A ruleset that holds tunnels to the mesh. Linux takes VXLAN by any link, from anybody who guesses the identifier; and without the mesh's
 * link, what is for it would leave by the default route, as it is.
 */
export function fenceScript(vnis: readonly number[]): string {
  // The identifier is 4 bytes into VXLAN's header, behind the 8 of UDP's: nftables 1.0.6 has no word for it.
  const rule = (direction: string): string =>
    vnis.length === 0
      ? ''
      : `udp dport ${VXLAN_PORT} @th,96,24 { ${vnis.join(', ')} } ${direction} != "${MESH_LINK}" counter drop`;
  const chain = (name: string, hook: string, direction: string): string =>
    `chain ${name} {\ntype filter hook ${hook} priority -10; policy accept;\n${rule(direction)}\n}`;
  const chains = [chain('incoming', 'input', 'iifname'), chain('outgoing', 'output', 'oifname')];
  return `${dropped}table inet ${FENCE_TABLE} {\n${chains.join('\n')}\n}\n`;
}

/** It is set again where it is not as it was when it was set. */
export function fence({ run }: Pick<HostTools, 'run'>) {
  let set: { script: string; print: string } | undefined;

  const read = async (signal: AbortSignal): Promise<string | undefined> => {
    try {
      return printOf(await run(nft(['-j', 'list', 'table', 'inet', FENCE_TABLE]), signal));
    } catch (error) {
      if (error instanceof Failure && /No such file or directory/.test(error.message)) return undefined;
      throw error;
    }
  };
  return {
    keep: async (vnis: readonly number[], signal: AbortSignal): Promise<void> => {
      const script = fenceScript(vnis);
      if (set?.script === script && set.print === (await read(signal))) return;
      await run(nft(['-f', '-'], script), signal);
      const print = await read(signal);
      if (print === undefined) throw new Failure('host-output', { problem: 'nft has set a table, and shows none' });
      set = { script, print };
    },
    remove: async (signal: AbortSignal): Promise<void> => {
      set = undefined;
      await run(nft(['-f', '-'], dropped), signal);
    },
  };
}
