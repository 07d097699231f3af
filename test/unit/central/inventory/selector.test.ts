import assert from 'node:assert/strict';
import type { SiteGuest } from '#central/inventory/known-site.ts';
import { guestSelector } from '#central/inventory/selector.ts';

const guests = [
  ['killed', 'shutoff', 'crashed'],
  ['panicked', 'crashed', 'panicked'],
  ['stopped', 'shutoff', 'shutdown'],
  ['forced', 'shutoff', 'destroyed'],
  ['up', 'running', undefined],
].map(([contact, state, reason]) => ({ contact, guest: { state, reason } }) as unknown as SiteGuest);
const found = (...where: string[]) => guests.filter(guestSelector(where)).map(({ contact }) => contact);

describe('a selector of guests', () => {
  it('finds what crashed, whether libvirt says so in the state or in its reason', () => {
    assert.deepEqual(found('state:crashed'), ['killed', 'panicked']);
    assert.deepEqual(found('state:shutoff'), ['killed', 'stopped', 'forced']);
  });

  it('finds by what drives a guest, and not one whose host does not tell', () => {
    const kinds = ['libvirt', 'lxc', undefined].map(
      (driver) => ({ contact: String(driver), guest: { driver } }) as unknown as SiteGuest,
    );
    const by = (word: string) => kinds.filter(guestSelector([word])).map(({ contact }) => contact);
    assert.deepEqual(
      [by('driver:lxc'), by('driver:l*'), by('driver:*')],
      [['lxc'], ['libvirt', 'lxc'], ['libvirt', 'lxc']],
    );
  });

  it('finds by the reason of a state', () => {
    assert.deepEqual(found('reason:destroyed'), ['forced']);
    assert.deepEqual(found('state:shutoff', 'reason:*ed'), ['killed', 'forced']);
    assert.deepEqual(found('reason:*'), ['killed', 'panicked', 'stopped', 'forced']);
  });
});
