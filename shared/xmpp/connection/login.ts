import { createRequire } from 'node:module';
import type { Client, StreamSocket } from '@xmpp/client-core';
import middlewareOf, { type Middleware } from '@xmpp/middleware';
import sasl from '@xmpp/sasl';
import streamFeaturesOf, { type StreamFeatures } from '@xmpp/stream-features';
import TlsSocket from '@xmpp/tls/lib/Socket.js';
import xml, { type Element } from '@xmpp/xml';
import { Failure } from '#shared/errors.ts';
import { bareOf, localpartOf } from '../jid.ts';
import { type Scram, scramMechanism } from './scram.ts';
import type { Trust } from './trust.ts';
import type { Wire } from './wire.ts';

const SASLFactory = createRequire(import.meta.url)('saslmechanisms') as new () => { use(mechanism: unknown): void };

const TLS_NS = 'urn:ietf:params:xml:ns:xmpp-tls';
const SASL_NS = 'urn:ietf:params:xml:ns:xmpp-sasl';
const STREAM_NS = 'http://etherx.jabber.org/streams';

export interface LoginDeps {
  wire: Wire;
  jid: string;
  password: string;
  service: string;
  trust: Trust;
}

/**
 * Negotiate TLS and SASL on a new stream (RFC 6120 sections 5 and 6), composed from the packages of xmpp.js.
 *
 * @returns resolves with the stream features that are offered to who has logged in
 */
export function useLogin({ wire, jid, password, service, trust }: LoginDeps): Promise<Element> {
  const { stream } = wire;
  const { promise, resolve } = Promise.withResolvers<Element>();
  const middleware = middlewareOf({ entity: stream });
  const features = streamFeaturesOf({ middleware });
  requireTls(middleware, stream, service);
  useStartTls(features, wire, service, trust);
  useScram(features, stream, jid, password);
  middleware.use(({ stanza }, next) => (stanza.is('features', STREAM_NS) ? resolve(stanza) : next()));
  return promise;
}

/** A server that offers no TLS gets nothing from us: the stock client would go on in the clear. */
function requireTls(middleware: Middleware, stream: Client, service: string): void {
  middleware.use((context, next) => {
    if (!context.stanza.is('features', STREAM_NS) || stream.isSecure()) return next();
    if (context.stanza.getChild('starttls', TLS_NS)) return next();
    throw new Failure('tls-missing', { service });
  });
}

function useStartTls(features: StreamFeatures, wire: Wire, service: string, trust: Trust): void {
  features.use('starttls', TLS_NS, async (_, next) => {
    const { stream } = wire;
    if (stream.isSecure()) return next();
    const answer = await stream.sendReceive(xml('starttls', { xmlns: TLS_NS }));
    if (!answer.is('proceed', TLS_NS)) throw new Failure('tls-missing', { service });
    const secure = new TlsSocket();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    secure.once('connect', resolve);
    secure.once('error', reject);
    secure.once('close', () => reject(new Error('the server closed the connection during STARTTLS')));
    secure.connect({ ...trust, socket: stream.socket });
    wire.replaceSocket(secure as StreamSocket);
    await promise;
    await stream.restart();
  });
}

/** SCRAM only (RFC 5802): the password never goes over the wire, and the server has to know it too. */
function useScram(features: StreamFeatures, stream: Client, jid: string, password: string): void {
  let scram: Scram | undefined;
  let final: string | undefined;
  const remember = (made: Scram): void => {
    scram = made;
  };
  const saslFactory = new SASLFactory();
  saslFactory.use(scramMechanism('SCRAM-SHA-256', 'sha256', 32, remember));
  saslFactory.use(scramMechanism('SCRAM-SHA-1', 'sha1', 20, remember));
  stream.on('nonza', (element: Element) => {
    if (element.is('success', SASL_NS)) final = Buffer.from(element.text(), 'base64').toString();
  });
  let isLoggedIn = false;
  features.use('mechanisms', SASL_NS, (_, next) => {
    // A server that offers to log in once more has not taken the first.
    if (isLoggedIn) throw new Error('the server asked for a second login');
    return next();
  });
  sasl({ streamFeatures: features, saslFactory }, async (login, mechanisms) => {
    await login({ username: localpartOf(jid), password }, mechanisms[0] ?? '');
    const isProven = scram?.serverIsProven(final ?? '');
    const problem = 'the server could not prove that it knows the password';
    if (!isProven) throw new Failure('login-refused', { account: bareOf(jid), problem });
    isLoggedIn = true;
  });
}
