import type { Clock } from '#shared/clock.ts';

/** Goes on watching, whatever breaks. */
export interface Vigil {
  /** What is under way broke: begin anew. Says nothing to an attempt that has ended. */
  lost(problem: Error): void;
  /** Resolves when it is up for the first time, or the first attempt came to nothing. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface VigilDeps {
  clock: Clock;
  /** Resolves when all is up, with what ends it. */
  begin(lost: (problem: Error) => void): Promise<() => Promise<void>>;
  up(): void;
  down(problem: unknown, retryMs: number): void;
}

const RETRY_MS_MIN = 250;
const RETRY_MS_MAX = 10_000;

/** Begin; when it breaks, wait, ever longer while it comes to nothing, and begin again. */
export function vigil({ clock, begin, up, down }: VigilDeps): Vigil {
  const stopped = Promise.withResolvers<void>();
  const tried = Promise.withResolvers<void>();
  let isStopped = false;
  let broken = Promise.withResolvers<Error>();
  let loop: Promise<void> | undefined;

  const wait = async (ms: number): Promise<void> => {
    const waited = Promise.withResolvers<void>();
    const callOff = clock.after(ms, waited.resolve);
    await Promise.race([waited.promise, stopped.promise]);
    callOff();
  };
  const once = async (begun: () => void): Promise<Error | undefined> => {
    broken = Promise.withResolvers<Error>();
    const { promise, resolve } = broken;
    const end = await begin(resolve);
    try {
      begun();
      up();
      tried.resolve();
      return (await Promise.race([promise, stopped.promise])) ?? undefined;
    } finally {
      await end();
    }
  };
  const always = async (): Promise<void> => {
    let retryMs = RETRY_MS_MIN;
    while (!isStopped) {
      const begun = (): void => {
        retryMs = RETRY_MS_MIN;
      };
      const problem = await once(begun).catch((error: unknown) => error);
      tried.resolve();
      if (isStopped) return;
      down(problem, retryMs);
      await wait(retryMs);
      retryMs = Math.min(RETRY_MS_MAX, retryMs * 2);
    }
  };

  return {
    lost: (problem) => broken.resolve(problem),
    start: async () => {
      loop ??= always();
      await Promise.race([tried.promise, loop]);
    },
    stop: async () => {
      isStopped = true;
      stopped.resolve();
      await loop;
    },
  };
}
