import assert from 'node:assert/strict';
import xml, { type Element } from '@xmpp/xml';
import { type Look, presenceLooks } from '#central/chains/presence-looks.ts';
import type { Site } from '#central/inventory/site.ts';
import { Probe } from '#shared/model/probe.ts';
import type { Status } from '#shared/xmpp/entity.ts';
import { manualClock } from '#test/unit/support/manual-clock.ts';

const CENTRAL = 'central.skerry.test';
const BOB = 'bob@skerry.test';

/** Presence looks of one check, and the hands of the server. */
function scene(mode: 'all' | 'any' = 'all', ...jids: string[]) {
  const clock = manualClock();
  const sent: string[] = [];
  const looks: Look[] = [];
  let listener: (stanza: Element) => void = () => {};
  let status: (status: Status) => void = () => {};
  const own = presenceLooks({
    entity: {
      bareJid: CENTRAL,
      isOnline: true,
      onPresence: (each) => {
        listener = each;
        return () => {};
      },
      onStatus: (each) => {
        status = each;
        return () => {};
      },
      send: async (stanza) => void sent.push(`${stanza.attrs.type} ${stanza.attrs.to}`),
    },
    // A site with no host and no guest.
    site: { hostByJid: () => undefined, find: () => undefined } as unknown as Site,
    clock,
    answered: (look) => looks.push(look),
    onBug: assert.fail,
  });
  const probe = {
    ...{ id: 'run/bob', since: 1, mode, everyMs: 5_000, good: 2, freshMs: 30_000 },
    tests: (jids.length === 0 ? [BOB] : jids).map((presence) => ({ presence })),
  };
  // An agent takes no presences: the shape is that of a probe all the same.
  assert.throws(() => Probe.parse(probe));
  own.replace([probe]);
  return {
    ...{ clock, sent, looks, own, probe },
    hears: (from: string, type?: string) => listener(xml('presence', { from, to: CENTRAL, ...(type ? { type } : {}) })),
    comesOnline: () => status({ status: 'online' }),
    last: () => looks.at(-1),
  };
}

describe('looks at presences', () => {
  it('ask to see it once, probe at each look, and count answers in a row', () => {
    const { clock, sent, looks, hears, own } = scene();
    assert.deepEqual(sent, [`subscribe ${BOB}`, `probe ${BOB}`]);
    const began = clock.now();
    clock.advance(100);
    hears(`${BOB}/phone`);
    assert.deepEqual(looks.at(-1)?.placed, { good: 1, from: began, at: began });
    clock.advance(4_900);
    assert.equal(looks.length, 1, 'what was heard before the second probe is no answer to it');
    hears(`${BOB}/phone`);
    assert.deepEqual(looks.at(-1)?.placed, { good: 2, from: began, at: began + 5_000 });
    assert.deepEqual(sent.slice(2), [`probe ${BOB}`]);
    own.stop();
    clock.advance(60_000);
    assert.equal(sent.length, 3);
    assert.equal(clock.waiting, 0);
  });

  it('are bad where nobody answers the probe, and say what is wrong', () => {
    const { clock, hears, last } = scene();
    clock.advance(5_000);
    assert.equal(last()?.good, 0);
    assert.equal(last()?.why, `${BOB} is not seen available`);
    hears(BOB, 'unsubscribed');
    clock.advance(5_000);
    assert.equal(last()?.why, `${BOB} does not let ${CENTRAL} see their presence`);
    hears(BOB, 'subscribed');
    hears(`${BOB}/phone`);
    assert.equal(last()?.good, 1);
    clock.advance(10_000);
    assert.equal(last()?.why, `nothing is heard of ${BOB} any more`);
  });

  it('are bad as soon as the last resource has gone', () => {
    const { hears, last, looks } = scene();
    hears(`${BOB}/phone`);
    hears(`${BOB}/desk`);
    hears(`${BOB}/phone`, 'unavailable');
    assert.equal(last()?.good, 1);
    hears(`${BOB}/desk`, 'unavailable');
    assert.equal(last()?.good, 0);
    assert.equal(looks.length, 2);
  });

  it('want the resource that is named', () => {
    const { hears, last } = scene('all', `${BOB}/phone`);
    hears(`${BOB}/desk`);
    assert.equal(last(), undefined);
    hears(`${BOB}/phone`);
    assert.equal(last()?.good, 1);
  });

  it('want all, or any', () => {
    const ann = 'ann@skerry.test';
    const all = scene('all', BOB, ann);
    all.hears(`${BOB}/x`);
    assert.equal(all.last(), undefined);
    all.hears(`${ann}/x`);
    assert.equal(all.last()?.good, 1);
    const any = scene('any', BOB, ann);
    any.hears(`${ann}/x`);
    assert.equal(any.last()?.good, 1);
  });

  it('forget who was there while nobody listened, and whom nobody looks at', () => {
    const { clock, hears, last, comesOnline, own, sent, looks, probe } = scene();
    hears(`${BOB}/phone`);
    comesOnline();
    clock.advance(10_000);
    assert.equal(last()?.why, `${BOB} is not seen available`);
    own.replace([]);
    const count = looks.length;
    hears(`${BOB}/phone`);
    clock.advance(60_000);
    assert.equal(looks.length, count);
    own.replace([probe]);
    assert.equal(sent.at(-2), `subscribe ${BOB}`, 'it asks again, since it may have been refused long ago');
  });
});
