import type { Routers } from '#agent/networks/linux/driver.ts';
import { Failure } from '#shared/errors.ts';

/** A host that makes no routers, and says so. */
export function unroutable(host: string): Routers {
  const refuse = async (): Promise<never> => {
    throw new Failure('network-host', { host, problem: 'it makes no routers' });
  };
  return {
    makeRouter: refuse,
    removeRouter: async () => {},
    readRouters: async () => [],
    examineRouter: async () => [],
    readGiven: async (router) => ({ router, addresses: [] }),
    readLeases: refuse,
    watch: () => () => {},
  };
}
