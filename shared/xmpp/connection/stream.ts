import { StringDecoder } from 'node:string_decoder';
import type { Client, StreamSocket } from '@xmpp/client-core';

/** The parts of xmpp.js' Connection that its own subclasses use. */
interface Inside {
  _detachSocket(): void;
  _detachParser(): void;
  _status(status: string, ...args: unknown[]): void;
}

/**
 * Mend a connection of xmpp.js before its first use: each socket gets a decoder of its own, so that a character that is cut
 * by the end of a chunk is not broken (the stock one decodes each chunk alone), and sends small packets at once.
 */
export function mendStream(stream: Client): void {
  const decoders = new WeakMap<object, StringDecoder>();
  const decoderOf = (socket: object): StringDecoder => {
    const decoder = decoders.get(socket) ?? new StringDecoder('utf8');
    decoders.set(socket, decoder);
    return decoder;
  };
  stream._onData = (data) => {
    const { parser, socket } = stream;
    if (parser && socket) parser.write(typeof data === 'string' ? data : decoderOf(socket).write(Buffer.from(data)));
  };
  const attach = stream._attachSocket.bind(stream);
  stream._attachSocket = (socket) => {
    attach(socket);
    socket.once('connect', () => (socket.socket ?? socket).setNoDelay?.(true));
    (socket.socket ?? socket).setNoDelay?.(true);
  };
}

/** Put another socket in place of the present one, whose end is then nobody's business any more. */
export function replaceSocket(stream: Client, socket: StreamSocket): void {
  stream.socket?.on('error', () => {});
  (stream as unknown as Inside)._detachSocket();
  stream._attachSocket(socket);
}

/** Drop the socket at once, without the closing words that a dead link would wait for. */
export function dropSocket(stream: Client, reason: Error): void {
  const { socket } = stream;
  const inside = stream as unknown as Inside;
  inside._detachParser();
  inside._detachSocket();
  if (socket) {
    const raw = socket.socket ?? socket;
    socket.on('error', () => {});
    raw.on?.('error', () => {});
    if (raw.destroy) raw.destroy();
    else socket.end();
  }
  inside._status('disconnect', { clean: false, reason });
}
