/**
 * Responsibilities: have hosts look at what runs wait for, and know what they see.
 *
 * Theory of operation: what all runs want looked at is one set for each host. A host is sent its set when that changes, and when it
 * is heard anew. Its answers are placed by central's own clock. What is seen from several hosts counts as the worst of them (`all`)
 * or the best (`any`). Presences are told to central alone, so central looks at those as if it were one more host.
 *
 * What can go wrong: a host is away. Its answers grow stale, and the engine waits. An answer is of an earlier life of a guest: it
 * carries the mark of its probe, and one with another mark does not count.
 */
import { isHeardAnew, isOther } from '#central/inventory/anew.ts';
import type { SiteChange } from '#central/inventory/known-site.ts';
import type { Site } from '#central/inventory/site.ts';
import type { GraphNode } from '#shared/chain/compile.ts';
import type { Fact, Run } from '#shared/chain/run.ts';
import type { Clock } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';
import { placedAt } from '#shared/model/probe.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { sendProbes, serveAnswers } from '#shared/xmpp/probe.ts';
import { guestAt } from './facts.ts';
import { type LegsDeps, legsOf } from './legs.ts';
import type { NetworkNodes } from './network-nodes.ts';
import { presenceLooks } from './presence-looks.ts';
import { legsIn, type ProbeSet, probeId, probeSets, sameSet, type Watched } from './probe-sets.ts';
import { CENTRAL, combined, type Seen, testsByHost } from './sights.ts';

export interface ProbingDeps {
  entity: Entity;
  site: Site;
  clock: Clock;
  log: Record<'warn', (fields: object, message: string) => void>;
  /** Where networks and routers are, and legs of hosts on networks. */
  networks: Pick<NetworkNodes, 'hostOf'> & Pick<LegsDeps, 'lookFrom'>;
  /** Something was answered. */
  answered(): void;
  onBug(error: unknown): void;
}

export interface Probing {
  /** All that this run wants looked at, in place of what it wanted before. */
  watch(run: string, nodes: readonly Watched[]): void;
  /** Nodes that hosts bring up by themselves: they have the legs that are looked from then, also while nobody looks. */
  watchAtBoot(nodes: readonly GraphNode[]): void;
  /** What is seen of a node of a run. */
  sightOf(run: Run['id'], node: GraphNode): Pick<Fact, 'probe' | 'why'> | undefined;
  stop(): void;
}

const AGAIN_MS = 5_000;

export function probing({ entity, site, clock, log, answered, networks, onBug }: ProbingDeps): Probing {
  const wanted = new Map<string, readonly Watched[]>();
  let atBoot: readonly GraphNode[] = [];
  /** By host, then by probe. */
  let sets = new Map<string, ProbeSet>();
  const seen = new Map<string, Seen>();
  let version = clock.now();
  let isDue = false;
  const callOffs = new Map<string, () => void>();

  const legs = legsOf({ lookFrom: networks.lookFrom, clock, onBug, changed: answered });
  const testsOf = (node: GraphNode) => testsByHost(site, networks.hostOf, node);
  const own = presenceLooks({
    ...{ entity, site, clock, onBug },
    answered: (look) => {
      seen.set(`${CENTRAL} ${look.id}`, look);
      answered();
    },
  });
  const send = async (name: string): Promise<void> => {
    if (name === CENTRAL) return own.replace([...(sets.get(CENTRAL)?.values() ?? [])]);
    callOffs.get(name)?.();
    callOffs.delete(name);
    const host = site.findHost(name);
    if (host?.reach !== 'heard' || !entity.isOnline) return;
    const probes = [...(sets.get(name)?.values() ?? [])];
    version = Math.max(version + 1, clock.now());
    try {
      await sendProbes(entity, { from: entity.bareJid, to: `${host.jid}/agent` }, { version, probes });
    } catch (error) {
      log.warn({ host: name, problem: error instanceof Failure ? error.message : String(error) }, 'probes not sent');
      callOffs.set(
        name,
        clock.after(AGAIN_MS, () => void send(name)),
      );
    }
  };
  const arrange = (): void => {
    isDue = false;
    const before = sets;
    sets = probeSets(wanted, testsOf, (node) => guestAt(site, node)?.guest.name);
    for (const name of new Set([...before.keys(), ...sets.keys()]))
      if (!sameSet(before.get(name), sets.get(name))) void send(name);
    const watched = [...wanted.values()].flat().map(({ node }) => node);
    legs.want([...watched, ...atBoot].flatMap((node) => legsIn(testsOf(node))));
    const ids = new Set([...sets.values()].flatMap((set) => [...set.keys()]));
    for (const key of [...seen.keys()]) if (!ids.has(key.slice(key.indexOf(' ') + 1))) seen.delete(key);
  };
  const arrangeSoon = (): void => {
    if (isDue) return;
    isDue = true;
    queueMicrotask(arrange);
  };
  const isWatching = (): boolean => wanted.size + atBoot.length > 0;
  const onChange = (change: SiteChange): void => {
    if (change.what === 'guest') {
      // A guest that moved is looked at from its new host.
      if (isWatching() && change.before?.host.name !== change.after?.host.name) arrangeSoon();
      return;
    }
    if (isHeardAnew(change) && sets.has(change.name)) void send(change.name);
    if (isWatching() && isOther(change)) arrangeSoon();
  };

  serveAnswers(entity, (from, answers) => {
    const host = site.hostByJid(from);
    if (!host) throw new Failure('not-permitted', { requester: from, verb: 'answer probes' });
    const now = clock.now();
    for (const answer of answers) seen.set(`${host.name} ${answer.id}`, { ...answer, placed: placedAt(answer, now) });
    answered();
  });
  const offs = [
    site.onChange(onChange),
    entity.onStatus(({ status }) => {
      if (status !== 'offline') for (const name of sets.keys()) void send(name);
    }),
  ];

  return {
    watch: (run, nodes) => {
      if (nodes.length === 0 && !wanted.has(run)) return;
      if (nodes.length === 0) wanted.delete(run);
      else wanted.set(run, nodes);
      arrangeSoon();
    },
    watchAtBoot: (nodes) => {
      if (atBoot.length + nodes.length === 0) return;
      atBoot = nodes;
      arrangeSoon();
    },
    sightOf: (run, node) => {
      const id = probeId(run, node.name);
      const tests = testsOf(node);
      const sights = [...tests.keys()].map((host) => {
        const sight = seen.get(`${host} ${id}`);
        return sight?.since === sets.get(host)?.get(id)?.since ? sight : undefined;
      });
      const sight = combined(sights, node.spec.ready?.mode ?? 'all');
      const why = legsIn(tests).flatMap((leg) => legs.problemOf(leg) ?? [])[0];
      return why === undefined ? sight : { ...sight, why };
    },
    stop: () => {
      for (const off of offs) off();
      legs.stop();
      own.stop();
      for (const callOff of callOffs.values()) callOff();
    },
  };
}
