import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import ConnectionTCP from '@xmpp/tcp/lib/Connection.js';
import ConnectionTLS from '@xmpp/tls/lib/Connection.js';
import ConnectionWebSocket from '@xmpp/websocket/lib/Connection.js';
import FramedSocket from '@xmpp/websocket/lib/Socket.js';
import WebSocket, { type ClientOptions } from 'ws';
import { Failure } from '#shared/errors.ts';
import type { Trust } from './trust.ts';

export interface Service {
  host: string;
  port: number;
  /** TLS from the first byte (XEP-0368) in place of STARTTLS (RFC 6120 section 5). */
  directTls?: boolean;
  /** XMPP over WebSocket (RFC 7395), in place of host and port: `wss:`, or `ws:` to this machine. */
  websocketUrl?: string;
}

/** How the service is written in messages and logs. */
export function serviceName({ host, port, directTls, websocketUrl }: Service): string {
  return websocketUrl ?? `${directTls ? 'xmpps' : 'xmpp'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** The one transport of xmpp.js that leads to the service, with our trust, and the host as it was given. */
export function transportTo(service: Service, trust: Trust): unknown {
  if (service.websocketUrl !== undefined) return webSocketTo(service.websocketUrl, trust);
  const { host, port } = service;
  if (service.directTls) {
    return class extends ConnectionTLS {
      override socketParameters(): object {
        return { ...trust, host, port, noDelay: true, ALPNProtocols: ['xmpp-client'] };
      }
    };
  }
  return class extends ConnectionTCP {
    override socketParameters(): object {
      return { host, port, noDelay: true };
    }
  };
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

function webSocketTo(url: string, trust: Trust): unknown {
  const { protocol, hostname } = new URL(url);
  if (protocol !== 'wss:' && !LOOPBACK.test(hostname)) throw new Failure('tls-missing', { service: url });
  class Framed extends FramedSocket {
    override connect(): void {
      this.url = url;
      this.secure = true;
      this._attachSocket(
        new WebSocket(url, ['xmpp'], {
          perMessageDeflate: false,
          createConnection: ((options: { host: string; port: number }) =>
            openFor(options, protocol, trust)) as ClientOptions['createConnection'],
        }),
      );
    }
  }
  class WebSocketTo extends ConnectionWebSocket {
    override socketParameters(): string {
      return url;
    }
  }
  Object.assign(WebSocketTo.prototype, { Socket: Framed });
  return WebSocketTo;
}

const openFor = ({ host, port }: { host: string; port: number }, protocol: string, trust: Trust): Socket =>
  protocol === 'wss:' ? connectTls({ ...trust, host, port }) : connectTcp({ host, port });
