/**
 * Responsibilities: keep central informed of this host: every guest as it is, in numbered reports, one after the other.
 *
 * Theory of operation: what changed is marked; a report carries all that is marked, as it is at that moment, and the next one waits until
 * central has the one before on its disk. So a burst becomes few reports, and a slow central gets larger ones. A report without an
 * answer is sent again, the same with the same number: central takes it once; at once, when a new life of central asks. Where central misses one, it says so, and gets a
 * snapshot. Now and then an `alive` says that nothing is new.
 *
 * What can go wrong: central is away, for long. Then the last report waits, with growing pauses and jitter, so that a thousand agents
 * do not come back at once.
 */
import type { InventoryChange } from '#agent/inventory/entries.ts';
import type { Clock } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';
import type { Job } from '#shared/model/job.ts';
import type { Report } from '#shared/model/report.ts';
import { type MakerDeps, reportMaker } from './maker.ts';

export interface ReporterDeps extends MakerDeps {
  send(report: Report, signal: AbortSignal): Promise<void>;
  clock: Clock;
  /** From 0 to 1. */
  random(): number;
  onBug(error: unknown): void;
}

export interface Reporter {
  changed(change: Pick<InventoryChange, 'id'>): void;
  jobChanged(job: Job): void;
  /** The host itself changed, or central asks how it is. */
  report(): void;
  /**
   * Do not wait any longer with what is due.
   * @param asker which life of central asks: a new one will not answer what the one before was given, so that is sent again
   */
  wake(asker?: string): void;
  stop(): Promise<void>;
}

const ALIVE_MS = 30_000;
const PAUSE_MS_FIRST = 500;
const PAUSE_MS_MAX = 30_000;

export function reporter(deps: ReporterDeps): Reporter {
  const { clock, random, onBug } = deps;
  const stopping = new AbortController();
  const maker = reportMaker(deps);
  /** Reports that are made and not acknowledged, in order. */
  let pending: Report[] = [];
  let pauseMs = 0;
  let running: Promise<void> | undefined;
  let goOn = (): void => {};
  let callOff = (): void => {};
  let lastAsker: string | undefined;
  let inVain = new AbortController();

  const failed = (error: unknown): void => {
    if (!(error instanceof Failure)) onBug(error);
    const code = error instanceof Failure ? error.code : 'internal';
    if (code === 'report-gap' || code === 'report-late') {
      pending = [];
      if (error instanceof Failure && code === 'report-late') maker.outdated(Number(error.details.newest));
      else maker.missed();
      // A central that always misses one must not be flooded with snapshots.
      pauseMs = pauseMs === 0 ? 1 : Math.min(PAUSE_MS_MAX, pauseMs * 2);
    } else pauseMs = Math.min(PAUSE_MS_MAX, Math.max(PAUSE_MS_FIRST, pauseMs * 2));
  };
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      if (pending.length === 0) pending = maker.due();
      const [next] = pending;
      if (!next) return;
      inVain = new AbortController();
      try {
        await deps.send(next, AbortSignal.any([stopping.signal, inVain.signal]));
        pending = pending.slice(1);
        pauseMs = 0;
      } catch (error) {
        if (stopping.signal.aborted) return;
        if (inVain.signal.aborted) continue;
        failed(error);
        await pause(pauseMs * (0.5 + random()));
      }
    }
  };
  const pause = (ms: number): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const off = clock.after(ms, resolve);
    goOn = () => {
      off();
      resolve();
    };
    return promise;
  };
  const begin = (): void => {
    running ??= run()
      .catch(onBug)
      .finally(() => {
        running = undefined;
        if (isDue()) begin();
        else beat();
      });
  };
  const isDue = (): boolean => !stopping.signal.aborted && (pending.length > 0 || maker.isDue());
  const report = (): void => {
    maker.ask();
    begin();
  };
  const beat = (): void => {
    callOff();
    if (!stopping.signal.aborted) callOff = clock.after(ALIVE_MS * (0.8 + 0.4 * random()), report);
  };

  return {
    changed: ({ id }) => {
      maker.mark(id);
      begin();
    },
    jobChanged: (job) => {
      maker.markJob(job);
      begin();
    },
    report,
    wake: (asker) => {
      if (asker !== lastAsker) inVain.abort(new Error('central has begun anew'));
      lastAsker = asker;
      goOn();
      report();
    },
    stop: async () => {
      stopping.abort(new Error('the agent stops'));
      callOff();
      goOn();
      await running;
    },
  };
}
