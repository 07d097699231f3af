import assert from 'node:assert/strict';
import type { Site } from '#central/inventory/site.ts';
import { offersOf } from '#central/offers.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import { guestOf } from '#test/unit/support/guest.ts';

const anybody = { bareJid: 'ann@skerry.test', fullJid: 'ann@skerry.test/1' };

describe('what a guest offers at its contact', () => {
  const host = { name: 'host1', known: { facts: { lacks: { lxc: ['snapshot.take', 'guest.suspend'], libvirt: [] } } } };
  const drivers: Record<string, { driver?: string }> = { vm: { driver: 'libvirt' }, zone: { driver: 'lxc' }, old: {} };
  const site = {
    find: (contact: string) => ({ contact, host, guest: guestOf(contact, drivers[contact]) }),
  } as unknown as Site;
  const offer = offersOf({
    ...{ site, table: centralVerbs, perform: () => assert.fail(), may: () => true, jobs: { list: () => [] } },
    chains: () => [],
    networks: () => assert.fail(),
  });
  const lists = (contact: string): string[] => {
    const { table, may } = offer(`${contact}@central.skerry.test`);
    return Object.keys(table).filter((verb) => may(anybody, verb));
  };

  it('is all that what drives it can do, and no more', () => {
    assert.ok(lists('vm').includes('snapshot.take') && lists('vm').includes('guest.suspend'));
    assert.ok(!lists('zone').includes('snapshot.take') && !lists('zone').includes('guest.suspend'));
    assert.ok(lists('zone').includes('guest.start') && lists('zone').includes('snapshot.list'));
  });

  it('is all where its agent does not tell what drives it', () => {
    assert.deepEqual(lists('old'), lists('vm'));
  });

  it('is nothing that makes a guest from nothing, and what makes one of it', () => {
    assert.ok(!lists('vm').includes('guest.create') && !lists('vm').includes('guest.define'));
    assert.ok(lists('vm').includes('guest.clone') && lists('vm').includes('guest.exec'));
  });
});
