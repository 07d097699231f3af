import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import xml, { type Element } from '@xmpp/xml';
import { coldStart, serveColdStarts } from '#agent/chains/cold-start.ts';
import { settings as settingsIn } from '#agent/journal/settings.ts';
import { systemClock } from '#shared/clock.ts';
import { type HostNetworks, NO_NETWORKS } from '#shared/model/network.ts';
import type { Request } from '#shared/verb/request.ts';
import { COLD_START_NS, coldStartElement } from '#shared/xmpp/cold-start.ts';
import { guestOf } from '#test/unit/support/guest.ts';
import { FakeEntity } from './peer.ts';
import { failsWith, HOST } from './stanzas.ts';

const CENTRAL = 'central.skerry.test';
const GRID = `chain: grid
autostart: true
nodes:
  venti: { host: host1 }
  fossil: { host: host1, after: [venti] }
  cpu1: { host: host2, after: [fossil] }
`;
const given = (version: number, text = GRID): Element =>
  coldStartElement({ version, chains: text === '' ? [] : [{ text, by: 'ann@skerry.test' }] });
const iq = (child: Element, from = CENTRAL): string =>
  `<iq type="set" id="1" from="${from}" to="${HOST}">${child}</iq>`;

/** An agent whose guests start as soon as they are asked. */
function scene() {
  const entity = new FakeEntity();
  const database = new DatabaseSync(':memory:');
  database.exec('CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL)');
  const settings = settingsIn(database);
  const up = new Set<string>();
  const asked: Request[] = [];
  const listeners = new Set<() => void>();
  const hypervisor = { state: 'up', silent: undefined as readonly string[] | undefined };
  const states = new Set<() => void>();
  /** How the hypervisors of the host answer from now on. */
  const answers = (state: 'up' | 'degraded', silent?: readonly string[]): void => {
    Object.assign(hypervisor, { state, silent });
    for (const listener of states) listener();
  };
  let told = Promise.withResolvers<void>();
  serveColdStarts({ entity, central: CENTRAL, settings });
  const boot = (
    bootMark: string | undefined,
    isStuck = false,
    networks: HostNetworks = NO_NETWORKS,
    trouble = '',
  ): (() => void) =>
    coldStart({
      keeper: {
        wanted: networks,
        standing: { digest: '', troubles: trouble ? [{ what: 'network', name: 'lan', problem: trouble }] : [] },
        onStanding: () => () => {},
      },
      ...{ entity, central: CENTRAL, settings, host: 'host1', bootMark, clock: systemClock },
      inventory: {
        get state() {
          return hypervisor.state;
        },
        get silent() {
          return hypervisor.silent;
        },
        guests: () =>
          ['venti', 'fossil'].map((name) =>
            guestOf(name, {
              state: up.has(name) ? 'running' : 'shutoff',
              driver: name === 'venti' ? 'lxc' : 'libvirt',
            }),
          ),
        onChange: (listener: () => void) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
        onState: (listener: () => void) => {
          states.add(listener);
          return () => states.delete(listener);
        },
      } as never,
      probing: { start: () => ({ replace: () => {}, stop: () => {} }) },
      perform: async (request) => {
        asked.push(request);
        told.resolve();
        if (isStuck) return new Promise(() => {});
        up.add(String(request.args.guest));
        for (const listener of listeners) listener();
        return { kind: 'result', value: {}, replayed: false };
      },
      onJob: () => () => {},
      log: { info: () => {}, warn: (_fields, message) => assert.fail(message) },
      onBug: (error) => assert.fail(String(error)),
    });
  const asksFor = async (count: number): Promise<(readonly [string, unknown, string])[]> => {
    while (asked.length < count) {
      await told.promise;
      told = Promise.withResolvers();
    }
    await new Promise((resolve) => setImmediate(resolve));
    return asked.map(({ verb, args, operation }) => [verb, args.guest, operation] as const);
  };
  return { entity, settings, asked, asksFor, boot, answers };
}

describe('what a host brings up at boot by itself', () => {
  it('is taken from central alone, and only what is newer', async () => {
    const { entity, settings } = scene();
    for (const from of ['ann@skerry.test/x', `guest@${CENTRAL}`, 'central.evil.test'])
      failsWith(await entity.receives(iq(given(1), from)), 'forbidden', 'not-permitted', 'auth');
    const json = xml('json', { xmlns: 'urn:xmpp:json:0' }, '{"version": 1, "chains": 5}');
    failsWith(
      await entity.receives(iq(xml('cold-start', { xmlns: COLD_START_NS }, json))),
      'bad-request',
      'bad-payload',
    );
    assert.equal(settings.get('cold-start'), undefined);
    assert.equal((await entity.receives(iq(given(2)))).attrs.type, 'result');
    failsWith(await entity.receives(iq(given(1, ''))), 'conflict', 'cold-start-late');
    assert.match(settings.get('cold-start') ?? '', /chain: grid/);
  });

  it('is its own part, in order, on the word of whoever set the chain, once a boot', async () => {
    const { entity, asked, asksFor, boot } = scene();
    await entity.receives(iq(given(1)));
    const end = boot('b00t 1');
    const [venti, fossil] = await asksFor(2);
    assert.deepEqual(
      [venti?.slice(0, 2), fossil?.slice(0, 2)],
      [
        ['guest.start', 'venti'],
        ['guest.start', 'fossil'],
      ],
    );
    assert.deepEqual(asked[0]?.requester, { bareJid: CENTRAL, fullJid: CENTRAL, behalfOf: 'ann@skerry.test' });
    assert.equal(asked[0]?.surface, 'chain');
    end();
    boot('b00t 1')();
    assert.equal((await asksFor(2)).length, 2, 'an agent that is restarted starts nothing');
  });

  it('waits for networks that the host has by itself, and is nothing of what waits for others', async () => {
    const LAN = `
chain: lan
autostart: true
nodes:
  lan: { kind: network }
  dmz: { kind: network }
  venti: { host: host1, after: [lan] }
  fossil: { host: host1, after: [dmz] }
`;
    const has = { ...NO_NETWORKS, networks: [{ name: 'lan', kind: 'isolated' as const, link: 'sk-lan', mtu: 1450 }] };
    const there = scene();
    await there.entity.receives(iq(given(1, LAN)));
    const end = there.boot('b00t 1', false, has);
    assert.deepEqual(
      (await there.asksFor(1)).map(([verb, guest]) => [verb, guest]),
      [['guest.start', 'venti']],
    );
    end();
    const ailing = scene();
    await ailing.entity.receives(iq(given(1, LAN)));
    const endAiling = ailing.boot('b00t 1', false, has, 'its bridge is not there');
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(ailing.asked, [], 'not while the network has a trouble');
    endAiling();
    const none = scene();
    await none.entity.receives(iq(given(1, LAN)));
    none.boot('b00t 1')();
    assert.deepEqual(none.asked, []);
  });

  it('waits while the hypervisor does not answer, and goes on when it does, though no guest has changed', async () => {
    const { entity, asked, asksFor, boot, answers } = scene();
    await entity.receives(iq(given(1)));
    answers('degraded');
    const end = boot('b00t 1');
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(asked, []);
    answers('degraded', ['libvirt']);
    assert.deepEqual(
      (await asksFor(1)).map(([, guest]) => guest),
      ['venti'],
      'the driver that answers has this one',
    );
    answers('up', []);
    assert.equal((await asksFor(2))[1]?.[1], 'fossil');
    end();
  });

  it('is nothing where nobody knows whether it has booted', async () => {
    const { entity, asked, boot, settings } = scene();
    await entity.receives(iq(given(1)));
    boot(undefined)();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([asked, settings.get('boot')], [[], undefined]);
  });

  it('goes on under the same ids where the agent was cut off in the middle', async () => {
    const { entity, asksFor, boot } = scene();
    await entity.receives(iq(given(1)));
    const end = boot('b00t 1', true);
    await asksFor(1);
    end();
    const endAgain = boot('b00t 1');
    const [first, again, fossil] = await asksFor(3);
    assert.deepEqual(again, first);
    assert.equal(fossil?.[1], 'fossil');
    endAgain();
  });

  it('is nothing where central gave nothing, or takes it back', async () => {
    const { entity, asked, boot } = scene();
    boot('b00t 1')();
    await entity.receives(iq(given(1)));
    await entity.receives(iq(given(2, '')));
    boot('b00t 2')();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(asked, []);
  });
});
