import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { nearAddress } from '#provisioning/roles/server.ts';

describe('what is beside the server', () => {
  it('dials it where it listens', () => {
    for (const [listen, at] of [
      [['::'], '127.0.0.1'],
      [['0.0.0.0'], '127.0.0.1'],
      [['10.0.0.1', '127.0.0.1'], '127.0.0.1'],
      [['10.0.0.1'], '10.0.0.1'],
      [['2001:db8::1', '10.0.0.1'], '2001:db8::1'],
    ] as const)
      assert.equal(nearAddress({ listen: [...listen] }), at);
  });
});
