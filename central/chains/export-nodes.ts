/** Exports of volumes as nodes of chains: what is known of them, and what starts and stops them. */
import type { AskAgent } from '#central/agents/caller.ts';
import type { AuditTrail } from '#central/audit/trail.ts';
import type { Site } from '#central/inventory/site.ts';
import type { GraphNode } from '#shared/chain/compile.ts';
import type { Action, Fact } from '#shared/chain/run.ts';
import { type Clock, paused } from '#shared/clock.ts';
import type { Ended } from '#shared/conduct/conductor.ts';
import { exportFact, exportVerbOf } from '#shared/conduct/export-node.ts';
import { Failure } from '#shared/errors.ts';
import type { May } from '#shared/verb/policy.ts';
import type { Call } from '#shared/verb/request.ts';
import { siteVolumeVerbs, volumeVerbs } from '#shared/verbs/volume.ts';
import { AGAIN_MS, untilAnswered } from './carry.ts';
import type { ManagedNodes } from './managed-nodes.ts';
import { noting } from './noting.ts';

export interface ExportNodesDeps {
  site: Pick<Site, 'findHost'>;
  ask: AskAgent;
  may: May;
  trail: Pick<AuditTrail, 'keep'>;
  clock: Clock;
}

export function exportNodes({ site, ask, may, trail, clock }: ExportNodesDeps): ManagedNodes {
  /** The last round of what was asked in several, and is not answered. A central that begins anew asks from the first round on. */
  const rounds = new Map<string, string>();
  /** What takes the place of an operation takes that of its last round: the others were answered. */
  const withRounds = (ids: readonly string[]): string[] =>
    ids.flatMap((id) => [id, ...(rounds.has(id) ? [rounds.get(id) as string] : [])]);
  const oneTry = async (
    node: GraphNode,
    { operation }: Action,
    by: string,
    signal: AbortSignal,
    id: string,
  ): Promise<void> => {
    const host = site.findHost(node.spec.host ?? '');
    const { verb, args } = exportVerbOf(operation, node);
    const requester = { bareJid: by, fullJid: by };
    if (!host) throw new Failure('host-not-found', { host: node.spec.host });
    if (!may(requester, verb, { host: host.name }))
      throw new Failure('not-permitted', { requester: by, verb: `${verb} ${host.name}` });
    const { supersedes } = operation;
    const call: Call = {
      ...{ verb, requester, surface: 'chain', operation: id, signal, progress: () => {} },
      ...(supersedes ? { supersedes: withRounds(supersedes) } : {}),
    };
    const note = noting({ trail, clock }, call, siteVolumeVerbs[verb], { host: host.name, ...args });
    try {
      await untilAnswered(clock, signal, () => ask(host, verb, volumeVerbs[verb], args, call));
    } catch (error) {
      if (error instanceof Failure) await note({ outcome: 'failed', code: error.code, details: error.details });
      throw error;
    }
    await note({ outcome: 'done' });
  };
  /** While its clients use it, it is asked again, for as long as a stop may take: each time under an id of its own, since that was refused. */
  const carry = async (node: GraphNode, action: Action, by: string, signal: AbortSignal): Promise<Ended> => {
    const { id, supersedes = [] } = action.operation;
    const answered = (): void => {
      for (const each of [id, ...supersedes]) rounds.delete(each);
    };
    for (let round = 0; ; round++) {
      const asked = round === 0 ? id : `${id}/${round}`;
      if (round > 0) rounds.set(id, asked);
      try {
        await oneTry(node, action, by, signal, asked);
        answered();
        return { ok: true };
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof Failure)) throw error;
        // Another pause and another answer would come too late: who uses it is to be told.
        const isOver = clock.now() + 2 * AGAIN_MS >= action.operation.sentAt + node.spec.stop.timeoutMs;
        if (error.code !== 'volume-in-use' || action.operation.verb === 'start' || isOver) {
          answered();
          return { ok: false, problem: error.message };
        }
      }
      await paused(clock, AGAIN_MS, signal);
      signal.throwIfAborted();
    }
  };
  return {
    factOf: (node, isEnding) => (node.spec.kind === 'export' ? factOf(site, node, isEnding) : undefined),
    missing: (node) => {
      const host = node.spec.kind === 'export' ? site.findHost(node.spec.host ?? '') : undefined;
      if (!host) return node.spec.kind === 'export' ? `there is no host ${node.spec.host}` : undefined;
      const hasNone = host.reach === 'heard' && host.known.facts?.exports === undefined;
      return hasNone ? exportFact(node, undefined, host.name, false).why : undefined;
    },
    carry: (node, action, requester, signal) =>
      node.spec.kind === 'export' ? carry(node, action, requester, signal) : undefined,
  };
}

function factOf(site: Pick<Site, 'findHost'>, node: GraphNode, isEnding: boolean): Fact {
  const { host: name = '' } = node.spec;
  const host = site.findHost(name);
  if (!host) return { state: 'down', why: `there is no host ${name}` };
  if (host.reach !== 'heard') return { state: 'unknown', why: `${name} is not heard` };
  return exportFact(node, host.known.facts?.exports, name, isEnding);
}
