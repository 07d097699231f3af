import type { Watch } from '#agent/drivers/driver.ts';
import type { Run } from '#agent/exec/run.ts';
import { listLinks } from '#agent/illumos/links.ts';
import { messageOf } from '#shared/errors.ts';

export interface LinkWatching {
  onChange(): void;
  onBreak(problem: Error): void;
  lookMs: number;
}

/** dladm tells of no changes: the list of links is looked at again and again, which is one process each time. */
export async function watchLinks(
  run: Run,
  { onChange, onBreak, lookMs }: LinkWatching,
  signal: AbortSignal,
): Promise<Watch> {
  let known = await run(listLinks(), signal);
  const ended = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let looking = Promise.resolve();
  const look = async (): Promise<void> => {
    try {
      const now = await run(listLinks(), ended.signal);
      if (now !== known) onChange();
      known = now;
      next();
    } catch (error) {
      if (!ended.signal.aborted) onBreak(error instanceof Error ? error : new Error(messageOf(error)));
    }
  };
  const next = (): void => {
    timer = setTimeout(() => {
      looking = look();
    }, lookMs);
  };
  next();
  return {
    stop: async () => {
      ended.abort(new Error('the watch is stopped'));
      clearTimeout(timer);
      await looking;
      clearTimeout(timer);
    },
  };
}
