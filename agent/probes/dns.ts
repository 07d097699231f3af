import { Resolver } from 'node:dns/promises';
import { bad, GOOD, type Look } from './look.ts';
import { saidOf } from './said.ts';

const ASK_MS = 1_500;

/**
 * Whether a name has an address, of either family. The name servers of this machine are asked, and not its list of hosts.
 *
 * @param servers name servers, `ADDRESS` or `ADDRESS:PORT`; without them, those of this machine, which are read anew for each look
 */
export const dnsLook =
  (name: string, servers?: readonly string[]): Look =>
  async (signal) => {
    signal.throwIfAborted();
    const resolver = new Resolver({ timeout: ASK_MS, tries: 2 });
    if (servers) resolver.setServers(servers);
    const onAbort = (): void => resolver.cancel();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.any([resolver.resolve4(name), resolver.resolve6(name)]);
      return GOOD;
    } catch (error) {
      signal.throwIfAborted();
      return bad(saidOf(error instanceof AggregateError ? error.errors[0] : error));
    } finally {
      signal.removeEventListener('abort', onAbort);
      resolver.cancel();
    }
  };
