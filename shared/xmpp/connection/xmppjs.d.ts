/** The parts of xmpp.js that connection/ composes; the packages bring no types of these. */
declare module '@xmpp/client-core' {
  import type { EventEmitter } from 'node:events';
  import type { Element } from '@xmpp/xml';
  export interface Jid {
    local: string;
    domain: string;
    resource: string;
    bare(): Jid;
    toString(): string;
  }
  export interface StreamSocket extends EventEmitter {
    socket?: StreamSocket;
    setNoDelay?(on: boolean): void;
    destroy?(error?: Error): void;
    end(): void;
  }
  export class Client extends EventEmitter {
    constructor(options: { service: string; domain: string; timeout?: number });
    status: string;
    jid: Jid | null;
    socket: StreamSocket | null;
    parser: { write(text: string): void } | null;
    transports: unknown[];
    timeout: number;
    options: { service: string; domain: string; lang?: string };
    send(element: Element): Promise<void>;
    sendReceive(element: Element, timeoutMs?: number): Promise<Element>;
    connect(service: string): Promise<void>;
    open(options: { domain: string; lang?: string }): Promise<Element>;
    restart(): Promise<Element>;
    stop(): Promise<unknown>;
    disconnect(): Promise<unknown>;
    isSecure(): boolean;
    _attachSocket(socket: StreamSocket): void;
    _onData(data: Uint8Array | string): void;
    authenticate?(id: string, secret: string): Promise<void>;
  }
  export function jid(local: string, domain?: string, resource?: string): Jid;
}
declare module '@xmpp/component-core' {
  import type { Client } from '@xmpp/client-core';
  export const Component: typeof Client;
}
declare module '@xmpp/middleware' {
  import type { Client } from '@xmpp/client-core';
  import type { Element } from '@xmpp/xml';
  export type Next = () => Promise<unknown>;
  export interface Context {
    stanza: Element;
    entity: Client;
    name: string;
    type: string;
    id: string;
  }
  export interface Middleware {
    use(step: (context: Context, next: Next) => unknown): void;
    filter(step: (context: Context, next: Next) => unknown): void;
  }
  export default function middleware(deps: { entity: Client }): Middleware;
}
declare module '@xmpp/stream-features' {
  import type { Context, Middleware, Next } from '@xmpp/middleware';
  import type { Element } from '@xmpp/xml';
  export interface StreamFeatures {
    use(name: string, xmlns: string, step: (context: Context, next: Next, feature: Element) => unknown): void;
  }
  export default function streamFeatures(deps: { middleware: Middleware }): StreamFeatures;
}
declare module '@xmpp/stream-management' {
  import type { EventEmitter } from 'node:events';
  export interface StreamManagement extends EventEmitter {
    enabled: boolean;
    id: string;
    inbound: number;
    timeout: number;
    requestAckInterval: number;
  }
  export default function streamManagement(deps: object): StreamManagement;
}
declare module '@xmpp/iq/caller.js' {
  export default function iqCaller(deps: object): object;
}
declare module '@xmpp/resource-binding' {
  export default function resourceBinding(deps: object, resource?: string): void;
}
declare module '@xmpp/sasl' {
  export type Authenticate = (credentials: { username: string; password: string }, mechanism: string) => Promise<void>;
  export default function sasl(
    deps: object,
    onAuthenticate: (done: Authenticate, mechanisms: string[]) => Promise<void>,
  ): void;
}
declare module 'saslmechanisms' {
  export default class SASLFactory {
    use(mechanism: unknown): this;
  }
}
declare module '@xmpp/tcp' {
  export default function tcp(deps: object): void;
}
declare module '@xmpp/tls/lib/Socket.js' {
  import { EventEmitter } from 'node:events';
  import type { StreamSocket } from '@xmpp/client-core';
  export default class TlsSocket extends EventEmitter implements StreamSocket {
    connect(options: object): void;
    end(): void;
  }
}
declare module '@xmpp/tls/lib/Connection.js' {
  export default class ConnectionTLS {
    socketParameters(service: string): object | undefined;
  }
}
declare module '@xmpp/websocket/lib/Connection.js' {
  export default class ConnectionWebSocket {
    socketParameters(service: string): string | undefined;
  }
}
