import type { X509Certificate } from 'node:crypto';
import { connect as dial, type Socket } from 'node:net';
import { connect as secure, type TLSSocket } from 'node:tls';
import { Failure, messageOf } from '#shared/errors.ts';
import type { Service } from '../enrol/service.ts';

/** What an XMPP server shows to whoever dials it, before anybody logs in. */
export interface TlsLook {
  /** The server's own certificate first, then those that it sent with it. */
  chain: X509Certificate[];
  /** Why the certificate is not good for the domain; undefined where it is. */
  problem: string | undefined;
  /** `TLSv1.3`. */
  protocol: string;
  /** What is offered after TLS: `<stream:features>` as text. */
  features: string;
}

const LOOK_MS = 10_000;
const TEXT_MAX = 65_536;

/**
 * Dial an XMPP server, go to TLS, and look; nothing is refused here, what is wrong is told.
 * @param ca PEM of the authority to judge by; without it, those that Node trusts
 * @throws Failure server-unreachable; tls-missing where it offers none
 */
export async function lookAtServer(service: Service, domain: string, ca?: string): Promise<TlsLook> {
  const socket = dial({ host: service.host, port: service.port });
  const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${LOOK_MS / 1000} s`)), LOOK_MS);
  try {
    if (!service.directTls) await startTls(socket, service, domain);
    return await look(socket, domain, ca);
  } catch (error) {
    if (error instanceof Failure) throw error;
    const at = `${service.host}:${service.port}`;
    throw new Failure('server-unreachable', { service: at, problem: messageOf(error) }, { cause: error });
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

const header = (domain: string): string =>
  `<?xml version='1.0'?><stream:stream to='${domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`;

async function startTls(socket: Socket, { host }: Service, domain: string): Promise<void> {
  const offered = await said(socket, header(domain), /<\/stream:features>|<stream:features\/>/);
  if (!offered.includes('urn:ietf:params:xml:ns:xmpp-tls')) throw new Failure('tls-missing', { service: host });
  await said(socket, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", /<proceed[^>]*>/);
}

async function look(socket: Socket, domain: string, ca: string | undefined): Promise<TlsLook> {
  const alpn = ['xmpp-client'];
  const options = { socket, servername: domain, rejectUnauthorized: false, ALPNProtocols: alpn };
  const tls = secure(ca === undefined ? options : { ...options, ca });
  await until(tls, 'secureConnect');
  const features = await said(tls, header(domain), /<\/stream:features>|<\/stream:stream>/);
  return {
    chain: chainOf(tls),
    problem: tls.authorized ? undefined : messageOf(tls.authorizationError),
    protocol: tls.getProtocol() ?? '',
    features,
  };
}

/** Node tells each certificate with the one that has signed it; the last one has signed itself. */
function chainOf(tls: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let next = tls.getPeerX509Certificate(); next; next = next.issuerCertificate) {
    if (chain.some((known) => known.fingerprint256 === next?.fingerprint256)) break;
    chain.push(next);
  }
  return chain;
}

const until = (socket: Socket, event: string): Promise<void> =>
  new Promise((resolve, reject) => {
    socket.once(event, () => resolve());
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the server closed the connection')));
  });

/** Say something, and hear until a sign. */
function said(socket: Socket, text: string, sign: RegExp): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let heard = '';
  const hear = (part: Buffer): void => {
    heard += part.toString('latin1');
    if (sign.test(heard)) resolve(heard);
    else if (heard.length > TEXT_MAX) reject(new Error('the server says too much'));
  };
  const close = (): void =>
    reject(new Error(`the server closed the connection: ${heard.slice(-200) || 'it said nothing'}`));
  socket.on('data', hear).once('error', reject).once('close', close);
  socket.write(text);
  return promise.finally(() => socket.off('data', hear).off('error', reject).off('close', close));
}
