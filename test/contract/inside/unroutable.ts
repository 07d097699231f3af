import { Failure } from '#shared/errors.ts';
import type { Routers } from './driver.ts';

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
