/** The parts of the library as it ships that the tests hold ours against. */
declare module '@xmpp/client' {
  import type { EventEmitter } from 'node:events';
  import type { Element } from '@xmpp/xml';
  export interface StockEntity extends EventEmitter {
    timeout: number;
    start(): Promise<unknown>;
    stop(): Promise<unknown>;
    send(element: Element): Promise<void>;
    iqCaller: { request(iq: Element, timeoutMs?: number): Promise<Element> };
    iqCallee: {
      get(xmlns: string, name: string, handler: (context: { stanza: Element }) => unknown): void;
      set(xmlns: string, name: string, handler: (context: { stanza: Element }) => unknown): void;
    };
    reconnect: { stop(): void; delay: number };
  }
  export function client(options: object): StockEntity;
}
declare module '@xmpp/component' {
  import type { StockEntity } from '@xmpp/client';
  export function component(options: object): StockEntity;
}
