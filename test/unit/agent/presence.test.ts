import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import type { Inventory } from '#agent/inventory/inventory.ts';
import { servePresence } from '#agent/presence.ts';
import type { Guest } from '#shared/model/guest.ts';
import { FakeEntity } from '#test/conversation/peer.ts';
import { IDENTITY } from '#test/conversation/scene.ts';
import { guestOf } from '#test/unit/support/guest.ts';

/** An inventory of one guest that a test changes by hand. */
function stage() {
  const listeners: (() => void)[] = [];
  let guest: Guest = guestOf('venti');
  const inventory = {
    state: 'up',
    problem: undefined,
    host: undefined,
    guests: () => [guest],
    onChange: (listener: () => void) => {
      listeners.push(listener);
      return () => {};
    },
    onState: () => () => {},
  } as unknown as Inventory;
  const change = (fields: Partial<Guest>): void => {
    guest = { ...guest, ...fields };
    for (const listener of listeners) listener();
  };
  return { inventory, change };
}

describe('agent: presence', () => {
  it('tells a change at once, also right after one that shows nowhere', () => {
    const { inventory, change } = stage();
    const entity = new FakeEntity();
    const onBug = (error: unknown): void => assert.fail(String(error));
    const presence = servePresence({ entity, inventory, identity: IDENTITY, may: () => true, onBug });
    const told = (): string[] => entity.sent.map((stanza) => stanza.getChildText('status') ?? '');
    try {
      entity.becomes({ status: 'online' });
      change({ addresses: ['192.0.2.7'] });
      assert.deepEqual(told(), ['0 of 1 guests running']);
      change({ state: 'running' });
      assert.deepEqual(told(), ['0 of 1 guests running', '1 of 1 guests running']);
      change({ state: 'shutoff' });
      assert.equal(told().length, 2, 'the rest of a burst is told at its end');
    } finally {
      presence.stop();
    }
  });
});
