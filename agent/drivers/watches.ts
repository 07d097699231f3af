import type { HypervisorDriver, Watch } from './driver.ts';

/** The watches of a driver: each ends by itself, or all with the driver. */
export function keptWatches(
  begin: HypervisorDriver['watch'],
): Pick<HypervisorDriver, 'watch'> & { stop(): Promise<void> } {
  const watches = new Set<Watch>();
  return {
    watch: async (listener, onBreak, signal) => {
      const watch = await begin(listener, onBreak, signal);
      watches.add(watch);
      return {
        stop: async () => {
          watches.delete(watch);
          await watch.stop();
        },
      };
    },
    stop: async () => void (await Promise.all(Array.from(watches, (watch) => watch.stop()))),
  };
}
