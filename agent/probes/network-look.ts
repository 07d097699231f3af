import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import type { ReadyTest } from '#shared/model/chain-ready.ts';
import { dnsLook } from './dns.ts';
import { type HttpDeps, httpLook } from './http.ts';
import { bad, type Look } from './look.ts';
import { nbdLook } from './nbd.ts';
import { tcpLook } from './tcp.ts';

export interface NetworkLookDeps extends HttpDeps {
  /** In place of this machine's own. */
  nameServers?: readonly string[];
}

/** The look of a test of what is out on a network; undefined for one of something else. */
export function networkLook({ tcp, http, dns, nbd }: ReadyTest, deps: NetworkLookDeps): Look | undefined {
  if (tcp !== undefined) return tcpLook(tcp, deps.lookup);
  if (http !== undefined) return httpLook(http, deps);
  if (nbd !== undefined) return nbdLook(nbd, deps.lookup);
  if (dns === undefined) return undefined;
  if (deps.nameServers?.length === 0) return async () => bad('there is no name server to ask on that network');
  return dnsLook(dns, deps.nameServers);
}

/** Whom https believes: those that Node does, and the site's own authority. It is worked out once, when it is needed. */
export function trusting(ca: string | undefined): () => SecureContext | undefined {
  if (ca === undefined) return () => undefined;
  let context: SecureContext | undefined;
  return () => {
    context ??= createSecureContext({ ca: [...getCACertificates('default'), ca] });
    return context;
  };
}
