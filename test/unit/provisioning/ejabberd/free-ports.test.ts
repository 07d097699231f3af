import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, it } from 'mocha';
import { freePorts } from '#provisioning/ejabberd/free-ports.ts';

describe('free ports', () => {
  it('differ, can be listened on, and are no ports of outgoing connections', async () => {
    const ports = await freePorts(50);
    assert.equal(new Set(ports).size, 50);
    for (const port of ports) {
      assert.ok(port < 32_768);
      const server = createServer().listen(port, '127.0.0.1');
      await once(server, 'listening');
      server.close();
    }
  });
});
