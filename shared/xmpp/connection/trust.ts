import { isIP } from 'node:net';
import { checkServerIdentity, createSecureContext, type PeerCertificate, type SecureContext } from 'node:tls';
import { domainToASCII } from 'node:url';

/** Options of tls.connect that decide whom we trust. */
export interface Trust {
  secureContext: SecureContext;
  servername: string;
  checkServerIdentity(host: string, certificate: PeerCertificate): Error | undefined;
}

const contexts = new Map<string, SecureContext>();

/**
 * Trust in certificates for the domainpart of our own address, whatever the host that we connect to is called (RFC 6120
 * section 13.7.2.1). A certificate for `alias` will do as well: the host of a WebSocket URL, which may be a proxy's.
 *
 * @param ca certificate authorities in PEM, in place of those that Node trusts
 */
export function trustFor(domainpart: string, ca: string | undefined, alias?: string): Trust {
  const name = domainToASCII(domainpart) || domainpart;
  return {
    secureContext: contextOf(ca),
    // The extension takes no addresses (RFC 6066 section 3).
    servername: isIP(name) ? '' : name,
    checkServerIdentity: (_, certificate) => {
      const problem = checkServerIdentity(name, certificate);
      return problem && alias !== undefined && !checkServerIdentity(alias, certificate) ? undefined : problem;
    },
  };
}

/** Reading certificates is dear, and many entities of one process trust the same ones. */
function contextOf(ca: string | undefined): SecureContext {
  const known = contexts.get(ca ?? '');
  if (known) return known;
  const context = createSecureContext({ ca, minVersion: 'TLSv1.2' });
  contexts.set(ca ?? '', context);
  return context;
}
