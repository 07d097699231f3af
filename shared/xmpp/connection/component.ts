import { createHash } from 'node:crypto';
import { Component } from '@xmpp/component-core';
import xml, { type Element } from '@xmpp/xml';
import type { Entity } from '../entity.ts';
import type { LinkTimes, Log } from './link.ts';
import { LinkedEntity } from './linked-entity.ts';
import { serviceName } from './transports.ts';
import { Wire } from './wire.ts';

export interface ComponentOptions {
  /** The component's own domain: `central.skerry.test`. */
  domain: string;
  secret: string;
  /** A component speaks in the clear (XEP-0114): on loopback, or inside a network of its own. */
  service: { host: string; port: number };
  /** Times of connecting, waiting and watching; what is not given is as in LINK_TIMES. */
  reconnect?: Partial<LinkTimes>;
  log: Log;
  onBug(error: unknown): void;
}

/**
 * A component of the server: XEP-0114. There is no stream management: what is under way when the connection is lost is lost, requests fail
 * at once, and who asked us gets the answer over the next connection.
 */
export function xmppComponent(options: ComponentOptions): Entity {
  const { domain, secret } = options;
  const { host, port } = options.service;
  const service = serviceName(options.service);
  return new LinkedEntity({
    service,
    account: domain,
    connect: async (session, limits, signal) => {
      const stream = new Component({ service, domain });
      stream.timeout = limits.negotiateMs;
      stream.socketParameters = () => ({ host, port, noDelay: true });
      const wire = new Wire(stream, false);
      await wire.dial(service, limits, signal, async () => {
        const header = await stream.open({ domain });
        await session.shake(wire, domain, handshakeOf(header.attrs.id ?? '', secret));
      });
      return { wire, status: 'online' };
    },
    times: options.reconnect,
    log: options.log,
    onBug: options.onBug,
  });
}

/** XEP-0114 section 3: the stream's id and the secret, of which the server has its own. */
const handshakeOf = (id: string, secret: string): Element =>
  xml('handshake', {}, createHash('sha1').update(`${id}${secret}`).digest('hex'));
