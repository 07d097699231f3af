/**
 * Responsibilities: the host's networks are as its document says: at the agent's start, when central sends another, and when somebody changed
 * something. It tells how far that is.
 *
 * Theory of operation: one pass at a time removes what is not wanted and makes what is; what is there and right is left as it is, so that a pass
 * may be made at any time. A pass is made when a document was taken, soon after the driver tells of a change, and once a minute. What fails is
 * tried again ever later, until another document comes.
 *
 * What can go wrong: a document comes while a pass is under way. That pass goes on to its end, and the next one is made for the newest document;
 * who sent one in between is answered by that pass too.
 */
import type { Logger } from 'pino';
import { vigil } from '#agent/inventory/vigil.ts';
import type { Settings } from '#agent/journal/settings.ts';
import type { Clock } from '#shared/clock.ts';
import { messageOf } from '#shared/errors.ts';
import type { HostNetworks, NetworkStanding } from '#shared/model/network.ts';
import { digestOf } from '#shared/verb/digest.ts';
import type { NetworkDriver } from './driver.ts';
import { patience } from './patience.ts';
import { realise } from './realise.ts';
import { keepNetworks, keptNetworks } from './store.ts';

export interface NetworkKeeper {
  readonly standing: NetworkStanding;
  /** All that this host shall realise. */
  readonly wanted: HostNetworks;
  /** Resolves when what was kept is realised, or as far as it can be. */
  start(): Promise<void>;
  /** Keep this document and realise it. @throws Failure host-space */
  take(document: HostNetworks): Promise<NetworkStanding>;
  /** The standing has changed. Returns what ends it. */
  onStanding(listener: () => void): () => void;
  /** Resolves when no pass is under way and none is due at once. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

export interface NetworkKeeperDeps {
  driver: NetworkDriver;
  settings: Settings;
  clock: Clock;
  log: Pick<Logger, 'info' | 'warn'>;
  onBug(error: unknown): void;
}

const DEBOUNCE_MS = 200;
const CHECK_MS = 60_000;
const PASS_MS_MAX = 10 * 60_000;

export function networkKeeper({ driver, settings, clock, log, onBug }: NetworkKeeperDeps): NetworkKeeper {
  const listeners = new Set<() => void>();
  const stopped = new AbortController();
  const waits = patience(clock);
  const kept = keptNetworks(settings);
  let wanted = kept.document;
  let { isKept } = kept;
  // Nothing is said of what is kept before it was looked at.
  let standing: NetworkStanding = { digest: '', troubles: [] };
  let passing: Promise<void> | undefined;
  let isDue = false;
  let callOff = (): void => {};

  const tell = (next: NetworkStanding): void => {
    const isNews = JSON.stringify(next) !== JSON.stringify(standing);
    for (const { what, name, problem } of isNews ? next.troubles : [])
      log.warn({ what, name, problem }, 'a network is not as it shall be');
    standing = next;
    if (isNews) for (const listener of [...listeners]) listener();
  };
  const once = async (): Promise<void> => {
    const document = wanted;
    const signal = AbortSignal.any([stopped.signal, AbortSignal.timeout(PASS_MS_MAX)]);
    const { troubles, ...rest } = await realise({ driver, waits }, document, signal);
    if (document !== wanted) return;
    const digest = isKept ? digestOf('networks', document) : '';
    tell({ digest, troubles: troubles.slice(0, 1_000), ...rest });
  };
  const passes = async (): Promise<void> => {
    while (isDue && !stopped.signal.aborted) {
      isDue = false;
      callOff();
      await once().catch((error: unknown) => {
        if (!stopped.signal.aborted) onBug(error);
      });
      callOff = clock.after(Math.min(CHECK_MS, waits.nextMs()), () => void pass());
    }
  };
  /** Resolves when all is done that was due by then. */
  const pass = (): Promise<void> => {
    isDue = true;
    passing ??= passes().finally(() => {
      passing = undefined;
    });
    return passing;
  };
  let callOffSoon: (() => void) | undefined;
  const soon = (): void => {
    callOffSoon ??= clock.after(DEBOUNCE_MS, () => {
      callOffSoon = undefined;
      void pass();
    });
  };
  const watching = vigil({
    clock,
    begin: async (lost) => {
      const watch = await driver.watch(soon, lost, stopped.signal);
      return () => watch.stop();
    },
    up: soon,
    down: (problem) =>
      log.warn({ problem: messageOf(problem) }, 'changes of networks are not told; they are looked for'),
  });

  return {
    get standing() {
      return standing;
    },
    get wanted() {
      return wanted;
    },
    start: async () => {
      await pass();
      await watching.start();
    },
    take: async (document) => {
      const digest = digestOf('networks', document);
      // How it stands may be of a document before the one that it is at.
      if (digest === standing.digest && digest === digestOf('networks', wanted) && !passing) return standing;
      keepNetworks(settings, document);
      wanted = document;
      isKept = true;
      waits.forget();
      await pass();
      return standing;
    },
    onStanding: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    settled: async () => {
      while (passing) await passing;
    },
    stop: async () => {
      stopped.abort(new Error('the agent stops'));
      callOff();
      callOffSoon?.();
      await watching.stop();
      await passing;
      callOff();
    },
  };
}
