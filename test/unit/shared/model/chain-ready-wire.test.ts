import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Ready, ReadyTest } from '#shared/model/chain-ready.ts';
import { ProbeSet } from '#shared/model/probe.ts';

const tcpOf = (text: string): string | undefined => Ready.parse(text).tests[0]?.tcp;

describe('what ready means, on the wire', () => {
  it('reads addresses in both ways of writing', () => {
    assert.equal(tcpOf('tcp!venti!17034'), 'venti:17034');
    assert.equal(tcpOf('/net/tcp!venti!17034'), 'venti:17034');
    assert.equal(tcpOf('/net.alt/tcp!10.0.0.7!564'), '10.0.0.7:564');
    assert.equal(tcpOf('venti:17034'), 'venti:17034');
    assert.equal(tcpOf('tcp!::1!80'), '[::1]:80');
    assert.equal(tcpOf('[fe80::1]:80'), '[fe80::1]:80');
    for (const wrong of ['tcp!venti', 'tcp!a b!1', 'tcp!*!80', 'venti:0', 'venti:65536', 'tcp!/etc!1', '-:1'])
      assert.throws(() => Ready.parse(wrong), wrong);
  });

  it('is looked at neither too often nor hardly ever', () => {
    const every = (text: string) => Ready.parse({ tcp: 'a:1', every: text, fresh: '300h' }).everyMs;
    assert.deepEqual([every('100ms'), every('1h')], [100, 3_600_000]);
    // Node's timers hold no more than 24 days, and fire at once where they are asked for more.
    for (const wrong of ['0s', '99ms', '2h', '8000h'])
      assert.throws(() => every(wrong), /at most every 100ms, and at least every 1h/);
  });

  it('is read as the same again, so that it can go over the wire', () => {
    const host = fc.constantFrom('venti', 'a.b.test', '10.0.0.1', '[::1]');
    const port = fc.integer({ min: 1, max: 65_535 });
    const one = fc.oneof(
      fc.constantFrom('state', 'tcp!fe80::7!564', { agent: true }, { console: 'log(in|out): $' }, { command: 'raid' }),
      fc.tuple(host, port).map(([name, at]) => `${name}:${at}`),
      fc.tuple(host, port).map(([name, at]) => ({ http: { url: `https://${name}:${at}/`, insecure: true } })),
      fc.record({ dns: fc.constant('venti.test'), from: fc.constant('host1'), network: fc.constant('plan9') }),
    );
    fc.assert(
      fc.property(fc.array(one, { minLength: 1, maxLength: 4 }), (tests) => {
        const ready = Ready.parse({ all: tests, every: '1s', good: 2, fresh: '10s' });
        for (const test of ready.tests) assert.deepEqual(ReadyTest.parse(test), test);
        const set = { version: 1, probes: [{ id: 'a', since: 0, ...ready }] };
        assert.deepEqual(ProbeSet.parse(JSON.parse(JSON.stringify(ProbeSet.parse(set)))), ProbeSet.parse(set));
      }),
    );
  });
});
