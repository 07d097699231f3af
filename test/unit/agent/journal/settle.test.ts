import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Facts, settled, settledVerbs } from '#agent/journal/settle.ts';
import { type Guest, GuestState, isActive } from '#shared/model/guest.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';

const facts: fc.Arbitrary<Facts> = fc.record({
  guest: fc.option(
    fc.record({ state: fc.constantFrom(...GuestState.options), autostart: fc.boolean() }).map(
      (part): Guest => ({
        name: 'g',
        host: 'h',
        vcpus: 1,
        memoryMiB: 1,
        addresses: [],
        persistent: true,
        uuid: 'u',
        ...part,
      }),
    ),
  ),
});

describe('settling what was cut off', () => {
  it('has a rule for every verb that changes something', () => {
    const changing = Object.entries(agentVerbs)
      .filter(([, row]) => row.risk !== 'read')
      .map(([id]) => id);
    assert.deepEqual([...settledVerbs].toSorted(), changing.toSorted());
  });

  it('never says that a start took effect where the guest is as it was, nor a poweroff where it is', () => {
    fc.assert(
      fc.property(facts, facts, (before, now) => {
        const isUp = now.guest !== null && isActive(now.guest.state);
        if (settled('guest.start', before, now, {}) === 'done')
          assert.ok(isUp || now.guest?.state !== before.guest?.state);
        if (settled('guest.poweroff', before, now, {}) === 'done') assert.ok(!isUp);
        if (settled('guest.delete', before, now, {}) === 'done') assert.equal(now.guest, null);
      }),
    );
  });

  it('never lets a restart or a key press be repeated', () => {
    fc.assert(
      fc.property(
        facts,
        facts,
        fc.constantFrom('guest.reboot', 'console.send', 'constructor', 'no.such'),
        (before, now, verb) => {
          assert.equal(settled(verb, before, now, {}), 'unknown');
        },
      ),
    );
  });
});
