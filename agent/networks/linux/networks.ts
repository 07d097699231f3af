import { Failure } from '#shared/errors.ts';
import type { HostNetwork, HostPort } from '#shared/model/network.ts';
import { carryOut, type HostTools, readLinks, readRealised } from './carry-out.ts';
import { problemOf } from './check.ts';
import { planNetworks, planRemoval, planUndo, type Realised } from './plan.ts';

/** How long taking away again may take, when the time for making has run out or was called off. */
const UNDO_MS_MAX = 10_000;

/**
 * Make networks, all in a few batches. Where a batch fails, what it made is taken away again, and each network is made by itself, so that
 * it is known which of them cannot be.
 *
 * @returns what failed, by the name of the network
 */
export async function makeNetworks(
  tools: HostTools & { host: string },
  networks: readonly HostNetwork[],
  ports: readonly HostPort[],
  signal: AbortSignal,
): Promise<Map<string, Failure>> {
  const hasTunnels = networks.some(({ tunnel }) => tunnel);
  const there = await readRealised(tools, hasTunnels, signal);
  const ground = { host: tools.host, links: there.links };
  const failed = new Map<string, Failure>();
  for (const network of networks) {
    const problem = problemOf(network, ground);
    if (problem) failed.set(network.name, problem);
  }
  const able = networks.filter(({ name }) => !failed.has(name));
  try {
    await makeWhole(tools, able, ports, there, signal);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (able.length === 1) return failed.set(able[0]?.name ?? '', error);
    for (const network of able) {
      const [problem] = (await makeNetworks(tools, [network], ports, signal)).values();
      if (problem) failed.set(network.name, problem);
    }
  }
  return failed;
}

async function makeWhole(
  tools: HostTools,
  networks: readonly HostNetwork[],
  ports: readonly HostPort[],
  there: Realised,
  signal: AbortSignal,
): Promise<void> {
  try {
    await carryOut(tools, planNetworks(networks, ports, there), signal);
  } catch (error) {
    const undoing = AbortSignal.timeout(UNDO_MS_MAX);
    const names = networks.map(({ name }) => name);
    await carryOut(tools, planUndo(names, there, { links: await readLinks(tools, undoing) }), undoing);
    throw error;
  }
}

export async function removeNetworks(tools: HostTools, names: readonly string[], signal: AbortSignal): Promise<void> {
  await carryOut(tools, planRemoval(names, { links: await readLinks(tools, signal) }), signal);
}
