import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { parseAddresses } from '#agent/drivers/libvirt/addresses.ts';
import { parseCapabilities } from '#agent/drivers/libvirt/capabilities.ts';
import { parseDomstats, statsOf } from '#agent/drivers/libvirt/domstats.ts';
import { parseEvent } from '#agent/drivers/libvirt/events.ts';
import { failureOf } from '#agent/drivers/libvirt/failures.ts';
import { parseDominfo } from '#agent/drivers/libvirt/guest-facts.ts';
import { parseHost } from '#agent/drivers/libvirt/host-facts.ts';
import { parseListing } from '#agent/drivers/libvirt/listing.ts';
import { hasSerial, serialOf } from '#agent/drivers/libvirt/serial.ts';
import { parseState, stateOf } from '#agent/drivers/libvirt/states.ts';
import { VirshError } from '#agent/drivers/libvirt/virsh-session.ts';
import { Failure } from '#shared/errors.ts';
import { parsesRecordings, recorded } from './fixtures.ts';

const listing = (changes: Partial<Parameters<typeof parseListing>[0]> = {}) =>
  parseListing({
    names: recorded('listing-names.txt'),
    titles: recorded('listing-titles.txt'),
    autostart: recorded('listing-autostart.txt'),
    persistent: recorded('listing-persistent.txt'),
    active: recorded('listing-active.txt'),
    inactive: recorded('listing-inactive.txt'),
    ...changes,
  });
const isOutputFailure = (error: unknown) => error instanceof Failure && error.code === 'host-output';

describe('agent/drivers/libvirt: what virsh prints', () => {
  parsesRecordings('dominfo-', parseDominfo);
  parsesRecordings('domstats-', (text) => Array.from(parseDomstats(text), ([name, figures]) => statsOf(name, figures)));
  parsesRecordings('domifaddr-', parseAddresses);
  parsesRecordings('events-', (text) => text.split('\n').map((line) => parseEvent(line) ?? null));
  parsesRecordings('dumpxml-', (text) => ({ serial: serialOf(text), has: hasSerial(text) }));
  parsesRecordings('capabilities-', (text) => {
    const { arch, domainTypes } = parseCapabilities(text);
    return { arch, domainTypes: [...domainTypes] };
  });
  parsesRecordings('nodeinfo', (nodeinfo) => parseHost({ nodeinfo, version: recorded('version.txt') }));
  parsesRecordings('nodememstats', (nodememstats) =>
    parseHost({ nodeinfo: recorded('nodeinfo.txt'), version: recorded('version.txt'), nodememstats }),
  );
  parsesRecordings('listing-names', () => listing());

  it('asks for a guest by itself where the list of all does not tell enough', () => {
    const lacking = (changes: Parameters<typeof listing>[0]) =>
      listing(changes).map(({ guest, known }) => guest === undefined && known === undefined);
    assert.deepEqual(lacking({ active: '', inactive: '' }), [true, true, true]);
    const titles = recorded('listing-titles.txt');
    assert.deepEqual(lacking({ titles: titles.split('\n').slice(1).join('\n') }), [true, true, true]);
    assert.deepEqual(lacking({ titles: titles.replace('☃', '\\xe2\\x98\\x83') }), [false, true, false]);
    assert.deepEqual(lacking({ titles: titles.split('\n').filter(Boolean).reverse().join('\n') }), [true, false, true]);
  });

  it('names what is missing', () => {
    assert.throws(() => parseDominfo('Name: x\n'), isOutputFailure);
    assert.throws(() => parseDomstats('gibberish'), isOutputFailure);
    assert.throws(() => parseState('levitating (magic)'), isOutputFailure);
    assert.throws(() => stateOf(99, 0), isOutputFailure);
    const [nodeinfo, version] = [recorded('nodeinfo.txt'), recorded('version.txt')];
    assert.throws(() => parseHost({ nodeinfo: '', version }), isOutputFailure);
    assert.throws(() => parseHost({ nodeinfo, version, nodememstats: '' }), isOutputFailure);
    assert.throws(() => parseHost({ nodeinfo, version, nodememstats: 'total  :  much' }), isOutputFailure);
  });

  it('reads states with and without a reason', () => {
    assert.deepEqual(parseState('running (booted)\n'), { state: 'running', reason: 'booted' });
    assert.deepEqual(parseState('running (unknown)\n'), { state: 'running' });
    assert.deepEqual(parseState('in shutdown (user)'), { state: 'shutdown', reason: 'user' });
    assert.deepEqual(parseState('idle (unknown)'), { state: 'blocked' });
    assert.deepEqual(parseState('paused (I/O error)'), { state: 'paused', reason: 'I/O error' });
    assert.deepEqual(stateOf(5, 3), { state: 'shutoff', reason: 'crashed' });
    assert.deepEqual(stateOf(3, 5), { state: 'paused', reason: 'I/O error' });
    assert.deepEqual(stateOf(1, 99), { state: 'running' });
  });

  it('tells a guest apart from what is said of it, whatever its name', () => {
    const details = [
      ['lifecycle', 'Stopped Failed', { what: 'crashed', state: 'shutoff', detail: 'Failed' }],
      ['lifecycle', 'Started Booted', { what: 'started', state: 'running', detail: 'Booted' }],
      ['agent-lifecycle', `state: 'connected' reason: 'channel event'`, { what: 'agent', detail: 'connected' }],
      ['balloon-change', '102400KiB', { what: 'changed', detail: 'balloon-change 102400KiB' }],
    ] as const;
    const name = fc.string({
      unit: fc.constantFrom("'", ':', ' ', '"', 'a', 'ß', '☃', 'Stopped', 'event'),
      minLength: 1,
    });
    fc.assert(
      fc.property(name, fc.constantFrom(...details), (guest, [kind, detail, event]) => {
        const line = `2026-11-21 02:52:48.285+0000: event '${kind}' for domain '${guest}': ${detail}`;
        assert.deepEqual(parseEvent(line), { name: guest, ...event });
      }),
    );
  });

  it('makes of what virsh says on stderr a row of the table', () => {
    for (const [code, stderr] of JSON.parse(recorded('errors.json')) as [string, string][]) {
      const failure = failureOf(new VirshError('start', stderr));
      assert.ok(failure instanceof Failure);
      assert.equal(failure.code, code, stderr);
      assert.doesNotMatch(String(failure.details.problem), /(?:^|: )error: |\n/);
    }
    const other = new TypeError('not of virsh');
    assert.equal(failureOf(other), other);
  });
});
