import assert from 'node:assert/strict';
import { Site } from '#central/inventory/site.ts';
import type { InventoryStore, StoredHost } from '#central/inventory/store.ts';
import type { Guest } from '#shared/model/guest.ts';

/** What is written waits for a turn of the event loop, as on a disk. */
const written = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const store: InventoryStore = { putHost: written, putContact: written, putReport: written, removeHost: written };

/** A site of hosts that were known before, with these guests; nothing is kept. */
export function siteOf(guestsOf: Readonly<Record<string, readonly Guest[]>>): Site {
  const hosts = Object.entries(guestsOf).map(
    ([name, guests]): StoredHost => ({
      ...{ name, jid: `${name}@skerry.test`, enrolledAt: '2026-01-01T00:00:00Z', heardAt: null },
      ...{ tags: [], title: null, notes: null },
      known: { epoch: 1, seq: 1, facts: undefined, guests: new Map(guests.map((guest) => [guest.uuid, guest])) },
    }),
  );
  const said = { tags: [], title: null, notes: null };
  const contacts = Object.values(guestsOf)
    .flat()
    .map(({ name, uuid }) => ({ contact: name, name, uuid, ...said }));
  const contactOf = new Map(
    Object.entries(guestsOf).map(([host, guests]) => [host, new Map(guests.map(({ name, uuid }) => [uuid, name]))]),
  );
  return new Site({ loaded: { hosts, contacts, contactOf }, store, now: Date.now, onBug: assert.fail });
}
