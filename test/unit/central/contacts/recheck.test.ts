import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Element } from '@xmpp/xml';
import { serveContacts } from '#central/contacts/presence.ts';
import { subscriptions } from '#central/contacts/subscriptions.ts';
import { openDatabase } from '#central/database/open.ts';
import { groupWriter } from '#central/database/writer.ts';
import type { SiteGuest } from '#central/inventory/known-site.ts';
import type { Site } from '#central/inventory/site.ts';
import type { Entity } from '#shared/xmpp/entity.ts';

const raise = (error: unknown): void => {
  throw error;
};

describe('who may see a guest has changed', () => {
  it('and who may not any more is told that it is gone, and subscribed no longer', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'skerry-roles-'));
    const database = await openDatabase(join(dir, 'central.sqlite'), raise);
    const writer = groupWriter(database);
    const watchers = await subscriptions(database, writer);
    await watchers.add('venti', 'keeps@x');
    await watchers.add('venti', 'loses@x');
    const sent: Element[] = [];
    const guests = [{ contact: 'venti', host: { name: 'host1' } }] as SiteGuest[];
    const entity: Partial<Entity> = {
      bareJid: 'central.x',
      send: async (stanza) => void sent.push(stanza),
      onPresence: () => () => {},
      onStatus: () => () => {},
    };
    const site: Partial<Site> = { guests: () => guests, onChange: () => () => {} };
    const contacts = serveContacts({
      entity: entity as Entity,
      site: site as Site,
      subscriptions: watchers,
      may: ({ bareJid }) => bareJid === 'keeps@x',
      identity: { category: 'automation', type: 'x', name: 'x' },
      onOwnPresence: raise,
      onBug: raise,
    });
    contacts.recheck();
    contacts.recheck();
    assert.deepEqual(
      sent.map(({ attrs }) => [attrs.type, attrs.from, attrs.to]),
      [
        ['unavailable', 'venti@central.x/host1', 'loses@x'],
        ['unsubscribed', 'venti@central.x', 'loses@x'],
      ],
    );
    await writer.settled();
    const kept = await database.selectFrom('subscriptions').selectAll().execute();
    assert.deepEqual(
      kept.map(({ contact, jid }) => `${contact} ${jid}`),
      ['venti keeps@x'],
    );
    await database.destroy();
    rmSync(dir, { recursive: true });
  });
});
