/** The parts of xmpp.js that connection/ composes; the packages bring no types of these. */
declare module '@xmpp/client-core' {
  import type { EventEmitter } from 'node:events';
  import type { Element } from '@xmpp/xml';
  export interface Jid {
    toString(): string;
  }
  /** A net.Socket, or xmpp.js' wrapper around one (`socket`, once it connects) or around a WebSocket. */
  export interface StreamSocket extends EventEmitter {
    socket?: StreamSocket | null;
    write(text: string, done: (error?: Error | null) => void): void;
    setNoDelay?(on: boolean): void;
    /** Not of a WebSocket. */
    cork?(): void;
    uncork?(): void;
    destroy?(error?: Error): void;
    /** Of a WebSocket. */
    terminate?(): void;
    end(): void;
  }
  export class Client extends EventEmitter {
    constructor(options: { service: string; domain: string; timeout?: number });
    jid: Jid | null;
    socket: StreamSocket | null;
    parser: { write(text: string): void } | null;
    transports: unknown[];
    timeout: number;
    send(element: Element): Promise<void>;
    sendReceive(element: Element, timeoutMs?: number): Promise<Element>;
    connect(service: string): Promise<void>;
    open(options: { domain: string; lang?: string }): Promise<Element>;
    restart(): Promise<Element>;
    disconnect(): Promise<unknown>;
    isSecure(): boolean;
    footer(element: Element | undefined): string;
    footerElement(): Element | undefined;
    socketParameters(service: string): object | undefined;
    _attachSocket(socket: StreamSocket): void;
    _detachSocket(): void;
    _detachParser(): void;
    _onData(data: Uint8Array | string): void;
    _onSeeOtherHost(error: Error): Promise<void>;
    /** disconnect() of version 0.13. */
    _end(): Promise<unknown>;
  }
  export function jid(local: string, domain?: string, resource?: string): Jid;
}
declare module '@xmpp/component-core' {
  import { Client } from '@xmpp/client-core';
  export class Component extends Client {}
}
declare module '@xmpp/middleware' {
  import type { Client } from '@xmpp/client-core';
  import type { Element } from '@xmpp/xml';
  export type Next = () => Promise<unknown>;
  export interface Context {
    stanza: Element;
  }
  export interface Middleware {
    use(step: (context: Context, next: Next) => unknown): void;
  }
  export default function middleware(deps: { entity: Client }): Middleware;
}
declare module '@xmpp/stream-features' {
  import type { Context, Middleware, Next } from '@xmpp/middleware';
  export interface StreamFeatures {
    use(name: string, xmlns: string, step: (context: Context, next: Next) => unknown): void;
  }
  export default function streamFeatures(deps: { middleware: Middleware }): StreamFeatures;
}
declare module '@xmpp/sasl' {
  export type Authenticate = (credentials: { username: string; password: string }, mechanism: string) => Promise<void>;
  export default function sasl(
    deps: object,
    onAuthenticate: (done: Authenticate, mechanisms: string[]) => Promise<void>,
  ): void;
}
declare module '@xmpp/tcp/lib/Connection.js' {
  export default class ConnectionTCP {
    socketParameters(service: string): object | undefined;
  }
}
declare module '@xmpp/tls/lib/Connection.js' {
  export default class ConnectionTLS {
    socketParameters(service: string): object | undefined;
  }
}
declare module '@xmpp/tls/lib/Socket.js' {
  import { EventEmitter } from 'node:events';
  export default class TlsSocket extends EventEmitter {
    connect(options: object): void;
    write(text: string, done: (error?: Error | null) => void): void;
    end(): void;
  }
}
declare module '@xmpp/websocket/lib/Connection.js' {
  export default class ConnectionWebSocket {
    socketParameters(service: string): string | undefined;
  }
}
declare module '@xmpp/websocket/lib/Socket.js' {
  import { EventEmitter } from 'node:events';
  export default class FramedSocket extends EventEmitter {
    url: string | null;
    secure: boolean;
    connect(url: string): void;
    _attachSocket(socket: object): void;
  }
}
