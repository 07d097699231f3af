/**
 * Responsibilities: bring up at boot what this host can bring up by itself, with no central and no XMPP server.
 *
 * Theory of operation: central gives the files of chains that start by themselves; they are kept. When the agent begins and the host has
 * booted since it last did, it carries out its own part of each (shared/chain/host-part.ts) with the same engine as central, with
 * its own inventory and probes as facts. Each run is kept, so that one that was cut off goes on. What central finds up later, it takes
 * as it is.
 *
 * What can go wrong: central brings up the same chain at the same time. Both start each guest only when it is down, in one order,
 * and a start of what runs is no error: so each guest is started once.
 */
import type { Settings } from '#agent/journal/settings.ts';
import { readChain } from '#shared/chain/chain-file.ts';
import { compile } from '#shared/chain/compile.ts';
import { type HostHas, hostPart } from '#shared/chain/host-part.ts';
import { begin } from '#shared/chain/orders.ts';
import { fits, hasEnded, type Run } from '#shared/chain/run.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import { ColdStart } from '#shared/model/cold-start.ts';
import type { HostNetworks } from '#shared/model/network.ts';
import { serveColdStart } from '#shared/xmpp/cold-start.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { type HostRunDeps, startHostRun } from './host-run.ts';

export interface ColdStartDeps extends Omit<HostRunDeps, 'keep'> {
  entity: Pick<Entity, 'serve'>;
  /** JID of the central agent. */
  central: string;
  settings: Settings;
  /** Undefined: whether it has booted is not known, and nothing is brought up. */
  bootMark: string | undefined;
  log: Record<'info' | 'warn', (fields: object, message: string) => void>;
}

const CHAINS_KEY = 'cold-start';
const BOOT_KEY = 'boot';
const runKey = (chain: string): string => `cold-run ${chain}`;

/** Take from central what is to be done at boot. */
export function serveColdStarts({
  entity,
  central,
  settings,
}: Pick<ColdStartDeps, 'entity' | 'central' | 'settings'>): void {
  serveColdStart(entity, (from, read) => {
    if (from !== central) throw new Failure('not-permitted', { requester: from, verb: 'say what starts at boot' });
    const given = read();
    const known = keptIn(settings);
    if (known && given.version < known.version)
      throw new Failure('cold-start-late', { version: given.version, newest: known.version });
    settings.set(CHAINS_KEY, JSON.stringify(given));
  });
}

/** Bring up what shall be up after a boot, or go on with it. To be called when the hypervisor answers. Returns what ends it. */
export function coldStart(deps: ColdStartDeps): () => void {
  const { settings, log, host, bootMark } = deps;
  if (bootMark === undefined) {
    log.info({}, 'this system does not tell its boots apart: nothing is brought up by itself');
    return () => {};
  }
  const isBoot = settings.get(BOOT_KEY) !== bootMark;
  const ends: (() => void)[] = [];
  for (const { text, by } of keptIn(settings)?.chains ?? []) {
    try {
      const part = hostPart(readChain(text), host, hasOf(deps.keeper.wanted));
      if (!part) continue;
      const graph = compile(part);
      const key = runKey(part.chain);
      const kept = isBoot ? undefined : runIn(settings, key);
      const run =
        kept ??
        (isBoot ? begin(graph, `${part.chain}-boot-${bootId(bootMark)}`, 'up', [], deps.clock.now()) : undefined);
      if (!run || hasEnded(run) || !fits(graph, run)) continue;
      settings.set(key, JSON.stringify(run));
      log.info(
        { chain: part.chain, nodes: graph.nodes.length, run: run.id },
        'bringing up what this host can by itself',
      );
      const keep = async (next: Run): Promise<void> => settings.set(key, JSON.stringify(next));
      ends.push(startHostRun({ ...deps, keep }, graph, run, by));
    } catch (error) {
      log.warn({ problem: messageOf(error) }, 'a chain that starts at boot cannot be used');
    }
  }
  // What was begun is kept by now: a crash from here on goes on with it.
  settings.set(BOOT_KEY, bootMark);
  return () => {
    for (const end of ends) end();
  };
}

const hasOf = ({ networks, routers, looks }: HostNetworks): HostHas => ({
  network: (name) => networks.some((each) => each.name === name),
  router: (name) => routers.some((each) => each.name === name),
  leg: (name) => looks.some(({ network }) => network === name),
});

/** What cannot be read any more is as if there was nothing: central gives it anew. */
function keptIn(settings: Settings): ColdStart | undefined {
  const text = settings.get(CHAINS_KEY);
  return text === undefined ? undefined : ColdStart.safeParse(JSON.parse(text)).data;
}

function runIn(settings: Settings, key: string): Run | undefined {
  const text = settings.get(key);
  return text === undefined ? undefined : (JSON.parse(text) as Run);
}

const bootId = (mark: string): string => mark.replace(/[^0-9a-f]/g, '').slice(-12);
