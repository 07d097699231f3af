import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { answering } from '#shared/metrics/endpoint.ts';

const registry = { contentType: 'text/plain; version=0.0.4; charset=utf-8' as const, metrics: async () => 'up 1\n' };

describe('metrics', () => {
  it('are at their place, and a request for anything else does no harm', async () => {
    const server = createServer(answering(registry, (error) => assert.fail(String(error)))).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const statusOf = async (request: string): Promise<string> => {
      const socket = connect(port, '127.0.0.1');
      socket.write(`${request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
      return (await text(socket)).split(' ')[1] ?? '';
    };
    try {
      for (const [request, status] of [
        ['GET /metrics', '200'],
        ['GET /metrics?name=up', '200'],
        ['POST /metrics', '405'],
        ['GET http://localhost/metrics', '200'],
        ['GET /', '404'],
        ['GET //', '404'],
        ['GET /metrics/..', '404'],
        ['OPTIONS *', '404'],
      ] as const)
        assert.equal(await statusOf(request), status, request);
    } finally {
      server.close();
    }
  });
});
