import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { parseLeases } from '#agent/networks/linux/router/leases.ts';
import { Failure } from '#shared/errors.ts';

const FIXTURE = readFileSync(new URL('../../../../fixtures/router/leases.txt', import.meta.url), 'utf8');

describe("agent/networks: dnsmasq's leases", () => {
  it('are read, IPv4 and IPv6, for a time and for ever; not what is still being written', () => {
    assert.deepEqual(parseLeases(FIXTURE), [
      { address: '10.99.0.11', mac: '52:54:00:63:00:0b', name: 'web1', untilS: 1_795_280_400 },
      { address: '10.99.0.12', mac: '52:54:00:63:00:0c', untilS: 1_795_280_401 },
      { address: '10.7.0.11', mac: '52:54:00:63:02:0b', name: 'cell1' },
      { address: 'fd00:99::100', mac: '52:54:00:63:00:0b', name: 'web1', untilS: 1_795_280_402 },
      { address: 'fd00:99::101', mac: '52:54:00:63:00:0c', untilS: 1_795_280_403 },
      { address: 'fd00:99::102', name: 'web3', untilS: 1_795_280_404 },
    ]);
  });

  it('are none in an empty file', () => {
    assert.deepEqual(parseLeases(''), []);
  });

  it('are read, or refused as what the host said', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        try {
          for (const { address } of parseLeases(`${text}\n`)) assert.equal(typeof address, 'string');
        } catch (error) {
          assert.ok(error instanceof Failure && error.code === 'host-output', String(error));
        }
      }),
    );
    assert.throws(() => parseLeases('soon 52:54:00:63:00:0b 10.99.0.11 web1 *\n'), /is no lease/);
  });
});
