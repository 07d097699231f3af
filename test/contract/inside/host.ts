import { run } from '#agent/exec/run.ts';
import type { Routers } from '#agent/networks/linux/driver.ts';

/** Lines for a shell, one after another, in the namespace of this process. @returns what they said */
export const sh = (...lines: string[]): Promise<string> =>
  run({ file: 'bash', args: ['-c', ['set -e', ...lines].join('\n')], timeoutMs: 60_000 }, AbortSignal.timeout(60_000));

/** A host that has no routers. */
export const noRouters: Routers = {
  makeRouter: async () => {},
  removeRouter: async () => {},
  readRouters: async () => [],
  examineRouter: async () => [],
  readLeases: async () => [],
};
