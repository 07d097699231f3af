import { createRequire } from 'node:module';
import { isIP } from 'node:net';
import { rootCertificates } from 'node:tls';
import { Client, jid, type StreamSocket } from '@xmpp/client-core';
import iqCaller from '@xmpp/iq/caller.js';
import middlewareOf, { type Middleware } from '@xmpp/middleware';
import resourceBinding from '@xmpp/resource-binding';
import sasl from '@xmpp/sasl';
import streamFeaturesOf, { type StreamFeatures } from '@xmpp/stream-features';
import streamManagement from '@xmpp/stream-management';
import tcp from '@xmpp/tcp';
import ConnectionTLS from '@xmpp/tls/lib/Connection.js';
import TlsSocket from '@xmpp/tls/lib/Socket.js';
import xml, { type Element } from '@xmpp/xml';
import { Failure } from '#shared/errors.ts';
import type { Entity } from '../entity.ts';
import { domainpartOf, localpartOf } from '../jid.ts';
import type { Log } from './link.ts';
import { LinkedEntity } from './linked-entity.ts';
import { type Scram, scramMechanism } from './scram.ts';
import { mendStream, replaceSocket } from './stream.ts';

const SASLFactory = createRequire(import.meta.url)('saslmechanisms') as new () => { use(mechanism: unknown): void };

const TLS_NS = 'urn:ietf:params:xml:ns:xmpp-tls';
const SASL_NS = 'urn:ietf:params:xml:ns:xmpp-sasl';
const STREAM_NS = 'http://etherx.jabber.org/streams';
const SM_NS = 'urn:xmpp:sm:3';

export interface ClientOptions {
  /** Bare JID of the account. */
  jid: string;
  password: string;
  /** Asked for; the server may give another. Without it the server chooses. */
  resource?: string;
  service: Service;
  /** Certificate authorities in PEM, in place of those that Node trusts. */
  ca?: string;
  log: Log;
  onBug(error: unknown): void;
}
export interface Service {
  host: string;
  port: number;
  /** TLS from the first byte (XEP-0368) in place of STARTTLS (RFC 6120 section 5). */
  directTls?: boolean;
}

/**
 * An account on the server: TLS that is verified, SCRAM, XEP-0198 with resume, and a Link that comes back by itself.
 *
 * Composed from the packages of xmpp.js in another order than its own client(): stream management stands before whatever
 * handles IQs, so that its count has every stanza, and a resumed stream does not run a command twice.
 */
export function xmppClient(options: ClientOptions): Entity {
  const domain = domainpartOf(options.jid);
  const { host, port, directTls } = options.service;
  const service = `${directTls ? 'xmpps' : 'xmpp'}://${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  const stream = new Client({ service, domain, timeout: 10_000 });
  stream.jid = jid(localpartOf(options.jid), domain);
  const tlsOptions = {
    servername: domain,
    ca: options.ca ?? [...rootCertificates],
    ALPNProtocols: directTls ? ['xmpp-client'] : undefined,
  };
  mendStream(stream);
  tcp({ entity: stream });
  stream.transports.push(directTransport(tlsOptions));

  const middleware = middlewareOf({ entity: stream });
  const features = streamFeaturesOf({ middleware });
  requireTls(middleware, stream, service);
  useStartTls(features, stream, tlsOptions);
  useScram(features, stream, localpartOf(options.jid), options.password);
  const management = streamManagement({ streamFeatures: features, entity: stream, middleware });
  management.timeout = 0; // Link watches for silence; this timer would wait for a dead socket to say goodbye.
  resourceBinding({ iqCaller: iqCaller({ middleware, entity: stream }), streamFeatures: features }, options.resource);

  const entity = new LinkedEntity({
    stream,
    service,
    account: options.jid,
    log: options.log,
    onBug: options.onBug,
    probe: () => void stream.send(xml('r', { xmlns: SM_NS })).catch(() => {}),
    connect: async () => {
      const up = Promise.withResolvers<'online' | 'resumed'>();
      const online = (): void => up.resolve('online');
      const resumed = (): void => up.resolve('resumed');
      stream.once('online', online);
      management.once('resumed', resumed);
      try {
        await stream.connect(service);
        await stream.open({ domain });
        return await up.promise;
      } finally {
        stream.removeListener('online', online);
        management.removeListener('resumed', resumed);
      }
    },
  });
  management.on('fail', (stanza: Element) => entity.lost(stanza));
  return entity;
}

/** xmpps: as the stock transport, with our certificate authorities. */
function directTransport(tlsOptions: object): unknown {
  return class extends ConnectionTLS {
    override socketParameters(service: string): object | undefined {
      const parameters = super.socketParameters(service);
      return parameters && { ...tlsOptions, ...parameters };
    }
  };
}

const isEncrypted = (stream: Client): boolean => stream.socket instanceof TlsSocket;

/** A server that offers no TLS gets nothing from us: the stock client would go on in the clear. */
function requireTls(middleware: Middleware, stream: Client, service: string): void {
  middleware.use((context, next) => {
    if (!context.stanza.is('features', STREAM_NS) || isEncrypted(stream)) return next();
    if (context.stanza.getChild('starttls', TLS_NS)) return next();
    throw new Failure('tls-missing', { service });
  });
}

/** STARTTLS (RFC 6120 section 5) with verification against our certificate authorities. */
function useStartTls(features: StreamFeatures, stream: Client, tlsOptions: object): void {
  features.use('starttls', TLS_NS, async (_, next) => {
    if (isEncrypted(stream)) return next();
    const answer = await stream.sendReceive(xml('starttls', { xmlns: TLS_NS }));
    if (!answer.is('proceed', TLS_NS)) throw new Failure('tls-missing', { service: stream.options.service });
    const secure = new TlsSocket();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    secure.once('connect', resolve);
    secure.once('error', reject);
    secure.once('close', () => reject(new Error('the server closed during STARTTLS')));
    secure.connect({ ...tlsOptions, socket: stream.socket });
    await promise;
    replaceSocket(stream, secure as StreamSocket);
    await stream.restart();
  });
}

function useScram(features: StreamFeatures, stream: Client, username: string, password: string): void {
  let scram: Scram | undefined;
  let final = '';
  const remember = (made: Scram): void => {
    scram = made;
  };
  const saslFactory = new SASLFactory();
  saslFactory.use(scramMechanism('SCRAM-SHA-256', 'sha256', 32, remember));
  saslFactory.use(scramMechanism('SCRAM-SHA-1', 'sha1', 20, remember));
  stream.on('nonza', (element: Element) => {
    if (element.is('success', SASL_NS)) final = Buffer.from(element.text(), 'base64').toString();
  });
  sasl({ streamFeatures: features, saslFactory }, async (login, mechanisms) => {
    final = '';
    await login({ username, password }, mechanisms[0] ?? 'SCRAM-SHA-1');
    if (!scram?.serverIsProven(final))
      throw new Failure('login-refused', {
        account: username,
        problem: 'the server could not prove that it knows the password',
      });
  });
}
