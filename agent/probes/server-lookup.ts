import { Resolver } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { boundedLookup } from './lookup.ts';

const ASK_MS = 1_500;
/** It takes no thread: the question goes over a socket. */
const AT_ONCE = 64;

/** Look names up by these name servers alone, IPv4 addresses first; this machine's own list of hosts is not asked. */
export const serverLookup = (servers: readonly string[]): LookupFunction =>
  boundedLookup(AT_ONCE, (hostname, { family }, done) => {
    const resolver = new Resolver({ timeout: ASK_MS, tries: 2 });
    resolver.setServers(servers);
    const ask = async (six: boolean) => {
      const addresses = six ? await resolver.resolve6(hostname) : await resolver.resolve4(hostname);
      return addresses.map((address) => ({ address, family: six ? 6 : 4 }));
    };
    const families =
      family === 4 || family === 'IPv4' ? [false] : family === 6 || family === 'IPv6' ? [true] : [false, true];
    void Promise.allSettled(families.map(ask)).then((answers) => {
      const found = answers.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
      const [failed] = answers.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
      done(found.length > 0 ? null : failed, found);
    });
  });
