import assert from 'node:assert/strict';
import type { SiteGuest, SiteHost } from '#central/inventory/known-site.ts';
import { doers } from '#central/room/doers.ts';
import { eventOf } from '#central/room/events.ts';
import { manualClock } from '#test/unit/support/manual-clock.ts';

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

  it('says who had it done, while central does it and right after, of that guest and that change alone', async () => {
    const clock = manualClock();
    const { during, of } = doers(clock);
    const said = (before: SiteGuest, after: SiteGuest) =>
      eventOf({ what: 'guest', contact: 'venti', before, after }, of)?.what;
    const started = () => said(guest('shutoff'), guest('running'));
    assert.equal(started(), 'running');
    const work = Promise.withResolvers<number>();
    const done = during('venti', 'guest.start', 'olga@x', () => work.promise);
    assert.equal(started(), 'running, by olga@x');
    assert.equal(said(guest('running'), guest('crashed')), 'crashed');
    assert.equal(of('fossil', 'running'), undefined);
    work.resolve(1);
    assert.equal(await done, 1);
    assert.equal(started(), 'running, by olga@x', 'the report may come after the answer');
    clock.advance(5_000);
    assert.equal(started(), 'running');
    const failed = during('venti', 'guest.poweroff', 'olga@x', () => Promise.reject(new Error('no')));
    await assert.rejects(failed, /no/);
    assert.equal(said(guest('running'), guest('shutoff')), 'shut off');
    assert.equal(await during('venti', 'guest.reboot', 'olga@x', async () => 2), 2);
  });

  it('is a host that is degraded, unreachable, back', () => {
    assert.equal(ofHost(host('heard'), host('unreachable')), 'unreachable');
    assert.equal(ofHost(host('unreachable'), host('heard')), 'back');
    assert.equal(ofHost(host('heard'), host('heard', 'degraded')), 'degraded');
    assert.equal(ofHost(host('heard', 'degraded'), host('heard')), 'back');
  });
});
