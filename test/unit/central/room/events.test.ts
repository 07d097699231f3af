import assert from 'node:assert/strict';
import type { SiteGuest, SiteHost } from '#central/inventory/site.ts';
import { eventOf } from '#central/room/events.ts';

/** Only what the lines are made of. */
const host = (reach: string, state = 'up', name = 'host1') =>
  ({ name, reach, known: { facts: { state } } }) as unknown as SiteHost;
const guest = (state: string, at = 'host1', reason?: string) =>
  ({ contact: 'venti', guest: { state, reason }, host: host('heard', 'up', at) }) as unknown as SiteGuest;
const ofGuest = (before?: SiteGuest, after?: SiteGuest) =>
  eventOf({ what: 'guest', contact: 'venti', before, after })?.what;
const ofHost = (before?: SiteHost, after?: SiteHost) => eventOf({ what: 'host', name: 'host1', before, after })?.what;

describe('an event of the room', () => {
  it('is a guest that started, stopped, crashed, moved, came or went', () => {
    assert.equal(ofGuest(guest('shutoff'), guest('running')), 'running');
    assert.equal(ofGuest(guest('running'), guest('shutoff')), 'shut off');
    assert.equal(ofGuest(guest('running'), guest('crashed')), 'crashed');
    assert.equal(ofGuest(guest('shutoff'), guest('shutoff', 'host2')), 'moved from host1');
    assert.equal(ofGuest(undefined, guest('shutoff')), 'new');
    assert.equal(ofGuest(guest('shutoff'), undefined), 'gone');
  });

  it('tells one that crashed, and is shut off for it, from one that was stopped', () => {
    for (const reason of ['crashed', 'failed'])
      assert.equal(ofGuest(guest('running'), guest('shutoff', 'host1', reason)), 'crashed');
    for (const reason of ['shutdown', 'destroyed'])
      assert.equal(ofGuest(guest('running'), guest('shutoff', 'host1', reason)), 'shut off');
    const known = guest('shutoff', 'host1', 'failed');
    assert.equal(ofGuest(known, guest('shutoff', 'host1', 'crashed')), undefined, 'said once');
    assert.equal(ofGuest(known, guest('shutoff')), undefined, 'why is forgotten');
  });

  it('is not what is only known anew', () => {
    assert.equal(ofGuest(guest('running'), guest('blocked')), undefined);
    assert.equal(ofGuest(guest('running'), guest('shutdown')), undefined);
    assert.equal(ofHost(host('stale'), host('heard')), undefined);
  });

  it('is a host that is degraded, unreachable, back', () => {
    assert.equal(ofHost(host('heard'), host('unreachable')), 'unreachable');
    assert.equal(ofHost(host('unreachable'), host('heard')), 'back');
    assert.equal(ofHost(host('heard'), host('heard', 'degraded')), 'degraded');
    assert.equal(ofHost(host('heard', 'degraded'), host('heard')), 'back');
  });
});
