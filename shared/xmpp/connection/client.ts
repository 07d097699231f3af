import { Client, jid as jidOf } from '@xmpp/client-core';
import { Failure } from '#shared/errors.ts';
import type { Entity } from '../entity.ts';
import { bareOf, domainpartOf, isJid, localpartOf } from '../jid.ts';
import type { LinkTimes, Log } from './link.ts';
import { LinkedEntity } from './linked-entity.ts';
import { useLogin } from './login.ts';
import { type Service, serviceName, transportTo } from './transports.ts';
import { trustFor } from './trust.ts';
import { Wire } from './wire.ts';

export type { LinkTimes, Log } from './link.ts';
export type { Service } from './transports.ts';

/** How long xmpp.js waits for one answer while it negotiates; the whole has a limit of its own. */
const STEP_MS_MAX = 15_000;

export interface ClientOptions {
  /** The account; only its bare JID counts. */
  jid: string;
  password: string;
  /** Asked for; the server may give another. Without it the server chooses. */
  resource?: string;
  service: Service;
  /** Certificate authorities in PEM, in place of those that Node trusts. */
  ca?: string;
  /** Times of connecting, waiting and watching; what is not given is as in LINK_TIMES. */
  reconnect?: Partial<LinkTimes>;
  /** How long the server is to keep the session while there is no connection, in s; until then nobody is told. */
  resumeS?: number;
  log: Log;
  onBug(error: unknown): void;
}

/**
 * An account on the server: TLS that is verified, SCRAM, XEP-0198 with resume, and a Link that comes back by itself.
 *
 * Composed from the packages of xmpp.js as docs/decisions/0002 says. @throws Failure config-invalid, tls-missing
 */
export function xmppClient(options: ClientOptions): Entity {
  const account = bareOf(options.jid);
  const domain = domainpartOf(account);
  if (!isJid(account) || localpartOf(account) === '') {
    throw new Failure('config-invalid', { file: 'XMPP account', problem: `${options.jid} is not like name@domain` });
  }
  const service = serviceName(options.service);
  const { websocketUrl } = options.service;
  const trust = trustFor(domain, options.ca, websocketUrl && new URL(websocketUrl).hostname.replace(/^\[|\]$/g, ''));
  const transport = transportTo(options.service, trust);

  return new LinkedEntity({
    service,
    account,
    isFramed: websocketUrl !== undefined,
    connect: async (session, limits, signal) => {
      const stream = new Client({ service, domain, timeout: STEP_MS_MAX });
      stream.jid = jidOf(localpartOf(account), domain);
      stream.transports.push(transport);
      const wire = new Wire(stream, websocketUrl !== undefined);
      const loggedIn = useLogin({ wire, jid: account, password: options.password, service, trust });
      const status = await wire.dial(service, limits, signal, async () => {
        await stream.open({ domain });
        return session.negotiate(wire, await loggedIn, options.resource);
      });
      return { wire, status };
    },
    times: options.reconnect,
    resumeS: options.resumeS,
    log: options.log,
    onBug: options.onBug,
  });
}
