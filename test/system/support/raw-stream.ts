import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { TestServer } from './server.ts';

/** A client's stream (RFC 6120) as text over a socket, for what no client library would send. */
export interface RawStream {
  readonly socket: Socket;
  /** Send, and resolve with all that came since, as soon as it matches. */
  say(text: string, until: RegExp): Promise<string>;
  close(): void;
}

const HEADER = (domain: string): string =>
  `<?xml version='1.0'?><stream:stream to='${domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`;
const WAIT_MS = 30_000;

/** Open a stream in the clear, and read the features that it offers. */
export async function rawStream(server: TestServer): Promise<RawStream & { features: string }> {
  const socket = connectTcp(server.xmpp.port, server.xmpp.host);
  await once(socket, 'connect');
  return await opened(socket, server);
}

/** The same after STARTTLS, with a verified certificate. */
export async function rawTlsStream(server: TestServer): Promise<RawStream & { features: string }> {
  const clear = await rawStream(server);
  await clear.say("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", /<proceed[^>]*>/);
  clear.socket.removeAllListeners('data');
  const socket: TLSSocket = connectTls({ socket: clear.socket, servername: server.domain, ca: server.ca });
  await once(socket, 'secureConnect');
  return await opened(socket, server);
}

async function opened(socket: Socket, server: TestServer): Promise<RawStream & { features: string }> {
  const stream = streamOver(socket);
  const features = await stream.say(HEADER(server.domain), /<\/stream:features>/);
  return { ...stream, features };
}

function streamOver(socket: Socket): RawStream {
  let heard = '';
  let woken = (): void => {};
  const wake = (): void => woken();
  socket.setEncoding('utf8').on('data', (part: string) => {
    heard += part;
    wake();
  });
  socket.on('close', wake).on('error', wake);
  return {
    socket,
    async say(text, until) {
      heard = '';
      socket.write(text);
      const limit = AbortSignal.timeout(WAIT_MS);
      limit.addEventListener('abort', wake);
      while (!until.test(heard)) {
        if (limit.aborted || socket.destroyed) throw new Error(`no ${until} in: ${heard}`);
        await new Promise<void>((resolve) => {
          woken = resolve;
        });
      }
      return heard;
    },
    close: () => socket.destroy(),
  };
}
