import type { Job } from '#shared/model/job.ts';

/** Jobs of agents, as their reports tell them; whoever waits for one is told of each change. */
export interface JobFeed {
  heard(host: string, jobs: readonly Job[]): void;
  /** Returns what ends it. */
  follow(host: string, id: string, listener: (job: Job) => void): () => void;
}

export function jobFeed(): JobFeed {
  const listeners = new Map<string, Set<(job: Job) => void>>();
  const keyOf = (host: string, id: string): string => `${host} ${id}`;
  return {
    heard: (host, jobs) => {
      for (const job of jobs) for (const listener of listeners.get(keyOf(host, job.id)) ?? []) listener(job);
    },
    follow: (host, id, listener) => {
      const key = keyOf(host, id);
      const all = listeners.get(key) ?? new Set();
      listeners.set(key, all.add(listener));
      return () => {
        all.delete(listener);
        if (all.size === 0) listeners.delete(key);
      };
    },
  };
}
