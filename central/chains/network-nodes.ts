/** Networks and routers as nodes of chains: what is known of them, and what starts and stops them. */
import type { AuditTrail } from '#central/audit/trail.ts';
import { wantNetwork } from '#central/networks/network-changes.ts';
import type { Networks } from '#central/networks/networks.ts';
import { wantRouter } from '#central/networks/router-moves.ts';
import type { GraphNode } from '#shared/chain/compile.ts';
import type { Action, Fact } from '#shared/chain/run.ts';
import type { Clock } from '#shared/clock.ts';
import type { Ended } from '#shared/conduct/conductor.ts';
import { Failure } from '#shared/errors.ts';
import type { May } from '#shared/verb/policy.ts';
import type { Call } from '#shared/verb/request.ts';
import { rowOf } from '#shared/verb/verb.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import type { ManagedNodes } from './managed-nodes.ts';
import { noting } from './noting.ts';

export interface NetworkNodesDeps {
  networks: Pick<Networks, 'state' | 'handing' | 'take' | 'onStand'>;
  may: May;
  trail: Pick<AuditTrail, 'keep'>;
  clock: Clock;
}

export interface NetworkNodes extends ManagedNodes {
  /** The host that looks for such a node: that of the router, or the first that realises the network. */
  hostOf(kind: string, name: string): string | undefined;
  /** What is known may be something else. */
  onChange(listener: () => void): () => void;
}

type Kind = 'network' | 'router';
const isKind = (kind: string): kind is Kind => kind === 'network' || kind === 'router';

export function networkNodes({ networks, may, trail, clock }: NetworkNodesDeps): NetworkNodes {
  /** Wanted down, while its hosts have not answered yet: it is still there. */
  const leaving = new Set<string>();
  const carry = async (
    kind: Kind,
    { name }: GraphNode,
    { operation }: Action,
    by: string,
    signal: AbortSignal,
  ): Promise<Ended> => {
    const verb = `${kind}.${operation.verb}`;
    const requester = { bareJid: by, fullJid: by };
    if (!may(requester, verb, { guest: '' })) return { ok: false, problem: `${by} may not ${verb} ${name}` };
    const call: Call = { verb, requester, surface: 'chain', operation: operation.id, signal, progress: () => {} };
    const note = noting({ trail, clock }, call, rowOf(centralVerbs, verb), { [kind]: name });
    const wanted = operation.verb === 'start' ? 'up' : 'down';
    if (wanted === 'down') leaving.add(`${kind} ${name}`);
    try {
      const want = kind === 'network' ? wantNetwork : wantRouter;
      await networks.take(call, (state) => want(state, name, wanted));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      await note({ outcome: 'failed', code: error.code, details: error.details });
      if (wanted === 'down' && error.code === `${kind}-not-found`) return { ok: true };
      return { ok: false, problem: missing(kind, name, error) };
    } finally {
      leaving.delete(`${kind} ${name}`);
    }
    await note({ outcome: 'done' });
    const { state, why = '' } = networkFact(networks, kind, name, wanted === 'down');
    return wanted === 'up' && state === 'down' ? { ok: false, problem: why } : { ok: true };
  };
  return {
    factOf: ({ name, spec }, isEnding) => {
      if (!isKind(spec.kind)) return undefined;
      return leaving.has(`${spec.kind} ${name}`) ? { state: 'up' } : networkFact(networks, spec.kind, name, isEnding);
    },
    missing: ({ name, spec: { kind } }) =>
      isKind(kind) && !networks.state[`${kind}s`].has(name) ? thereIsNone(kind, name) : undefined,
    carry: (node, action, requester, signal) =>
      isKind(node.spec.kind) ? carry(node.spec.kind, node, action, requester, signal) : undefined,
    hostOf: (kind, name) =>
      kind === 'router'
        ? networks.state.routers.get(name)?.host
        : kind === 'network'
          ? networks.handing.compiled.realisersOf(name)[0]
          : undefined,
    onChange: (listener) => networks.onStand(listener),
  };
}

const missing = (kind: Kind, name: string, error: Failure): string =>
  error.code === `${kind}-not-found` ? `${error.message} Make it with ${kind} create ${name} …` : error.message;

const thereIsNone = (kind: Kind, name: string): string => `there is no ${kind} ${name}: ${kind} create ${name} …`;

/** Up: it is wanted up, and every host that has a part in it has taken the newest word, and has no trouble with it. */
function networkFact(
  { state, handing }: Pick<Networks, 'state' | 'handing'>,
  kind: Kind,
  name: string,
  isEnding: boolean,
): Fact {
  const row = kind === 'network' ? state.networks.get(name) : state.routers.get(name);
  if (!row) return { state: 'down', why: thereIsNone(kind, name) };
  if (row.wanted === 'down') return { state: 'down', why: `it is stopped: ${kind} start ${name}` };
  if (isEnding) return { state: 'up' };
  const { compiled } = handing;
  const hosts = 'host' in row ? [row.host] : compiled.realisersOf(name);
  const stands = hosts.map((host) => handing.standOf(host));
  const planned = compiled.troubles.filter((trouble) => trouble.what === kind && trouble.name === name);
  const troubles = stands.flatMap(({ host, how, problem, troubles: own }) => [
    ...(how === 'refused' ? [`${host}: ${problem}`] : []),
    ...own.filter((each) => each.what === kind && each.name === name).map((each) => `${host}: ${each.problem}`),
  ]);
  const [why] = [...planned.map(({ problem }) => problem), ...troubles];
  if (why !== undefined) return { state: 'down', why };
  const silent = stands.find(({ how }) => how === 'away' || how === 'late');
  return silent ? { state: 'unknown', why: `${silent.host}: ${silent.problem}` } : { state: 'up' };
}
