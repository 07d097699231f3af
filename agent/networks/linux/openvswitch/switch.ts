import type { Command, Run } from '#agent/exec/run.ts';
import { networkOfLink } from '#agent/networks/linux/names.ts';
import { Failure } from '#shared/errors.ts';
import type { HostPort } from '#shared/model/network.ts';
import { Datapath } from '#shared/model/nic.ts';
import { isNetworkBridge, joining, leaving } from './changes.ts';
import { type Change, changing, listSwitches, parseSwitches, type Switches } from './database.ts';
import { flowsOf } from './flows.ts';

export interface Joined {
  link: string;
  bridge: string;
}

/** The host's Open vSwitch, by its own tools. All fail with Failure host-command, host-output, host-timeout. */
export interface OpenVSwitch {
  read(signal: AbortSignal): Promise<Switches>;
  change(changes: readonly Change[], signal: AbortSignal): Promise<void>;
  readDatapath(signal: AbortSignal): Promise<Datapath>;
  /** Whose ports are held from the next time on that flows are set. */
  hold(guests: readonly HostPort[]): void;
  /** Of a bridge that is there, or that would be made; undefined where it is the kernel's. */
  datapathOf(bridge: string, signal: AbortSignal): Promise<Datapath | undefined>;
  /** Put links on bridges: anew where one of that name was there. */
  join(ports: readonly Joined[], signal: AbortSignal): Promise<void>;
  /** Take links off whatever bridge they were on. */
  leave(links: readonly string[], signal: AbortSignal): Promise<void>;
  /** Have the flows of all bridges of ours as their ports are now. Those that are right are left, and go on counting. */
  keepFlows(signal: AbortSignal): Promise<void>;
  /** In user space: have a link hand over what it carries in whole packets with their checksums. @param space its network namespace */
  plain(link: string, space: string | undefined, signal: AbortSignal): Promise<void>;
}

const TIMEOUT_MS = 30_000;
/** Each bridge takes a process of its own. */
const AT_ONCE = 4;

const flows = (bridge: string, input: string): Command => ({
  ...{ file: 'ovs-ofctl', args: ['--protocols=OpenFlow14', '--bundle', 'replace-flows', bridge, '-'], input },
  timeoutMs: TIMEOUT_MS,
});
const askKernel = (): Command => ({
  ...{ file: 'genl', args: ['ctrl', 'get', 'name', 'ovs_datapath'], timeoutMs: TIMEOUT_MS },
});

export function openVSwitch(run: Run): OpenVSwitch {
  let chosen: Datapath | undefined;
  let held: readonly HostPort[] = [];
  const read = async (signal: AbortSignal): Promise<Switches> => parseSwitches(await run(listSwitches(), signal));
  const readDatapath = async (signal: AbortSignal): Promise<Datapath> => {
    chosen ??= (await hasModule(run, signal)) ? 'system' : 'netdev';
    return chosen;
  };
  const change = async (changes: readonly Change[], signal: AbortSignal): Promise<void> => {
    if (changes.length > 0) await run(changing(changes), signal);
  };
  const keepFlows = async (signal: AbortSignal, isDue: (bridge: string) => boolean = () => true): Promise<void> => {
    const bridges = [...(await read(signal)).values()].filter((each) => isNetworkBridge(each) && isDue(each.name));
    const next = async (): Promise<void> => {
      for (let bridge = bridges.pop(); bridge; bridge = bridges.pop())
        await run(flows(bridge.name, flowsOf(bridge, held)), signal);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, next));
  };
  return {
    read,
    change,
    join: async (ports, signal) => {
      if (ports.length === 0) return;
      await change(
        ports.map(({ link }) => leaving(link)),
        signal,
      );
      await change(
        ports.flatMap(({ link, bridge }) => joining(link, bridge)),
        signal,
      );
      await keepFlows(signal, (name) => ports.some(({ bridge }) => bridge === name));
    },
    readDatapath,
    datapathOf: async (bridge, signal) => {
      const there = (await read(signal)).get(bridge);
      if (there) return Datapath.safeParse(there.datapath).data ?? 'system';
      return networkOfLink(bridge) === undefined ? undefined : readDatapath(signal);
    },
    hold: (guests) => {
      held = guests;
    },
    leave: (links, signal) => change(links.map(leaving), signal),
    keepFlows: (signal) => keepFlows(signal),
    plain: async (link, space, signal) => {
      const args = ['-K', link, 'tx', 'off', 'gro', 'off'];
      const inside = ['netns', 'exec', space ?? '', 'ethtool', ...args];
      await run(
        space === undefined
          ? { file: 'ethtool', args, timeoutMs: TIMEOUT_MS }
          : { file: 'ip', args: inside, timeoutMs: TIMEOUT_MS },
        signal,
      );
    },
  };
}

/** Whether this kernel has Open vSwitch; it is loaded by being asked for. */
async function hasModule(run: Run, signal: AbortSignal): Promise<boolean> {
  try {
    await run(askKernel(), signal);
    return true;
  } catch (error) {
    if (error instanceof Failure && /No such file or directory/.test(error.message)) return false;
    throw error;
  }
}
