import type { GraphNode } from '#shared/chain/compile.ts';
import type { Fact, Operation } from '#shared/chain/run.ts';
import { type ExportStanding, uriOf } from '#shared/model/volume.ts';

/** The volume of a node of kind export: its own name, unless it says another. */
export const volumeOf = ({ name, spec }: GraphNode): string => spec.export?.volume ?? name;

/** The verb that carries an operation on an export out, and its arguments. */
export function exportVerbOf({ verb, force }: Operation, node: GraphNode) {
  const volume = volumeOf(node);
  if (verb === 'stop') return { verb: 'volume.unexport', args: { volume, force } } as const;
  const { volume: _, ...how } = node.spec.export ?? {};
  return { verb: 'volume.export', args: { volume, ...how } } as const;
}

/**
 * What is known of an export by what its host says: it is up where it answers, and is served as the node says.
 *
 * @param standing of all exports of the host; undefined where it has no volumes
 * @param isEnding it is to go down, and is up for as long as it is wanted, whatever ails it
 */
export function exportFact(
  node: GraphNode,
  standing: readonly ExportStanding[] | undefined,
  host: string,
  isEnding: boolean,
): Fact {
  if (!standing) return { state: 'down', why: `${host} has no volumes: its configuration names no folder for them` };
  const volume = volumeOf(node);
  const found = standing.find((each) => each.volume === volume);
  if (!found) return { state: 'down', why: 'it is not exported' };
  if (found.unseen) return { state: 'unknown', why: `${host} has begun, and not looked at it yet` };
  if (isEnding) return { state: 'up' };
  if (found.problem !== undefined) return { state: 'down', why: found.problem };
  const { writable = false, address, port, clients } = node.spec.export ?? {};
  const isSo =
    found.writable === writable &&
    (address ?? found.address) === found.address &&
    (port ?? found.port) === found.port &&
    (clients ?? found.clients) === found.clients;
  if (isSo) return { state: 'up' };
  const how = `${found.writable ? 'to be written' : 'to be read'}, for ${found.clients} at once`;
  return { state: 'down', why: `it is exported in another way: ${uriOf(found)}, ${how}` };
}
