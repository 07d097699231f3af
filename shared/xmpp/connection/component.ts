import { Component } from '@xmpp/component-core';
import xml from '@xmpp/xml';
import type { Entity } from '../entity.ts';
import type { Log } from './link.ts';
import { LinkedEntity } from './linked-entity.ts';
import { mendStream } from './stream.ts';

export interface ComponentOptions {
  /** The component's own domain: `central.skerry.test`. */
  domain: string;
  secret: string;
  /** A component speaks in the clear (XEP-0114): on loopback, or inside a network of its own. */
  service: { host: string; port: number };
  log: Log;
  onBug(error: unknown): void;
}

/** A component of the server: XEP-0114. There is no stream management; who asked and got no answer asks again. */
export function xmppComponent(options: ComponentOptions): Entity {
  const { domain, secret } = options;
  const service = `xmpp://${options.service.host}:${options.service.port}`;
  const stream = new Component({ service, domain, timeout: 10_000 });
  mendStream(stream);
  return new LinkedEntity({
    stream,
    service,
    account: domain,
    log: options.log,
    onBug: options.onBug,
    probe: () => void stream.send(pingOf(domain)).catch(() => {}),
    connect: async () => {
      await stream.connect(service);
      const header = await stream.open({ domain });
      await stream.authenticate?.(header.attrs.id ?? '', secret);
      return 'online';
    },
  });
}

/** XEP-0199. Any answer will do, an error too: it shows that the server is there. */
const pingOf = (domain: string) =>
  xml('iq', { type: 'get', from: domain, to: domain, id: 'alive' }, xml('ping', { xmlns: 'urn:xmpp:ping' }));
