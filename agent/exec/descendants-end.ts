/** How long a process may take to end after it was asked to. */
export const TERM_MS = 2_000;

export interface Ending extends Disposable {
  /** The time limit is over. */
  readonly isLate: boolean;
  of(pid: number | undefined): void;
}

/** What asks it to end; SIGKILL follows. */
export type EndBy = 'SIGTERM' | 'SIGINT';

interface EndingOptions {
  timeoutMs: number;
  withDescendants?: boolean;
  endBy?: EndBy;
  /** When it was killed: what has left its group may go on, and holds what it was given. */
  killed?: () => void;
}

/** Ends a process with all that it started, as one group: at the time limit, when it is called off, and when it has ended. */
export function descendantsEnd(
  { timeoutMs, withDescendants, endBy = 'SIGTERM', killed }: EndingOptions,
  signal: AbortSignal,
): Ending {
  let isLate = false;
  let group: number | undefined;
  let last: NodeJS.Timeout | undefined;
  const tell = (word: EndBy | 'SIGKILL'): void => {
    try {
      if (group !== undefined) process.kill(-group, word);
    } catch (error) {
      // All of it has ended.
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  };
  const end = (): void => {
    tell(endBy);
    last ??= setTimeout(() => {
      tell('SIGKILL');
      killed?.();
    }, TERM_MS);
  };
  const timer = setTimeout(() => {
    isLate = true;
    end();
  }, timeoutMs);
  signal.addEventListener('abort', end, { once: true });
  return {
    get isLate() {
      return isLate;
    },
    of: (pid) => {
      if (withDescendants) group = pid;
    },
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      clearTimeout(last);
      signal.removeEventListener('abort', end);
      tell('SIGKILL');
    },
  };
}
