import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

/** A wire between a client and a server that a test can cut, or let go dead without a word. */
export class Relay {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  /** What the first client that named protocols (ALPN) asked for. */
  readonly asked = Promise.withResolvers<{ servername: string; protocols: string[] }>();
  #isDead = false;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @param pem certificate and key: the relay ends TLS, as a proxy before a server does */
  static async to(port: number, pem?: string): Promise<Relay> {
    const server = pem === undefined ? createServer() : createTlsServer({ cert: pem, key: pem, ALPNCallback });
    const relay = new Relay(server);
    function ALPNCallback(asked: { servername: string; protocols: string[] }): string | undefined {
      relay.asked.resolve(asked);
      return asked.protocols[0];
    }
    server.on(pem === undefined ? 'connection' : 'secureConnection', (near: Socket) => relay.#join(near, port));
    server.on('tlsClientError', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return relay;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  #join(near: Socket, port: number): void {
    const far = connect(port, '127.0.0.1');
    const pair = [near, far] as const;
    this.#pairs.add(pair);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.setNoDelay(true);
      from.on('error', () => {});
      from.on('data', (data: Buffer) => {
        if (!this.#isDead) to.write(data);
      });
      from.on('close', () => {
        this.#pairs.delete(pair);
        if (!this.#isDead) to.destroy();
      });
    }
  }

  /** Both ends see it. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.resetAndDestroy();
  }

  /** Nothing passes any more, and neither end is told; what passed the relay already stays lost. */
  die(): void {
    this.#isDead = true;
  }

  /** New connections pass; those that were there stay dead. */
  revive(): void {
    for (const [near, far] of this.#pairs) {
      near.removeAllListeners('data').resume();
      far.removeAllListeners('data').resume();
    }
    this.#isDead = false;
  }

  async stop(): Promise<void> {
    this.#server.close();
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
    await once(this.#server, 'close');
  }
}
