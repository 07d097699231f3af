import assert from 'node:assert/strict';
import fc from 'fast-check';
import { guestSelector } from '#central/inventory/selector.ts';
import { Site } from '#central/inventory/site.ts';
import type { InventoryStore, StoredHost } from '#central/inventory/store.ts';
import { maySite } from '#central/offers.ts';
import { siteGuestHandlers, siteHostHandlers } from '#central/verbs/site.ts';
import type { Guest } from '#shared/model/guest.ts';
import type { Grant } from '#shared/verb/grant.ts';
import { type May, mayBy, Policy } from '#shared/verb/policy.ts';
import type { Call } from '#shared/verb/request.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import { guestOf } from '#test/unit/support/guest.ts';

const COUNT = 50;
const record = (n: number): Guest =>
  guestOf(`g${String(n).padStart(2, '0')}`, { uuid: `uuid-${n}`, state: n % 2 === 0 ? 'running' : 'shutoff' });

/** A site of one host that was known before; nothing is written. */
function site(): Site {
  const guests = Array.from({ length: COUNT }, (_, n) => record(n));
  const host: StoredHost = {
    ...{ name: 'host1', jid: 'host1@skerry.test', enrolledAt: '2026-01-01T00:00:00Z', heardAt: null },
    ...{ tags: [], title: null, notes: null },
    known: { epoch: 1, seq: 1, facts: undefined, guests: new Map(guests.map((each) => [each.uuid, each])) },
  };
  const contacts = guests.map(({ name, uuid }) => ({ contact: name, name, uuid, tags: [], title: null, notes: null }));
  const contactOf = new Map([['host1', new Map(guests.map(({ name, uuid }) => [uuid, name]))]]);
  const none = async (): Promise<void> => assert.fail('nothing is to be written');
  const store: InventoryStore = { putHost: none, putContact: none, putReport: none, removeHost: none };
  return new Site({ loaded: { hosts: [host], contacts, contactOf }, store, now: Date.now, onBug: assert.fail });
}

const call = { requester: { bareJid: 'ann@skerry.test', fullJid: 'ann@skerry.test/a' } } as Call;

describe('guest.list of a site', () => {
  /** Names that were asked about: how far the list was made. */
  const asked: string[] = [];
  const handlers = siteGuestHandlers({
    site: site(),
    ask: () => assert.fail('no agent is to be asked'),
    may: (_, __, target) => {
      asked.push(target?.guest ?? '');
      // Whoever may not see one of them has no grant on all.
      return target?.guest !== 'g03' && target?.guest !== '';
    },
  });
  const list = async (args: Partial<Parameters<(typeof handlers)['guest.list']>[0]>): Promise<string[]> => {
    asked.length = 0;
    const guests = await handlers['guest.list']({ where: [], limit: 1000, from: 0, ...args }, call);
    return guests.map(({ name }) => name);
  };

  it('is sorted, and leaves out who may not be seen', async () => {
    const names = await list({});
    assert.deepEqual(names, [...names].sort());
    assert.equal(names.length, COUNT - 1);
    assert.ok(!names.includes('g03'));
  });

  it('in pages is the same list', async () => {
    const whole = await list({});
    const pages: string[] = [];
    for (let from = 0; from < COUNT; from += 7) pages.push(...(await list({ from, limit: 7 })));
    assert.deepEqual(pages, whole);
    assert.deepEqual(await list({ from: COUNT }), []);
  });

  it('counts a page by those that are selected, and makes no more of it than the page needs', async () => {
    assert.deepEqual(await list({ state: 'shutoff', from: 1, limit: 2 }), ['g05', 'g07']);
    assert.deepEqual(asked, ['', 'g01', 'g03', 'g05', 'g07']);
  });

  it('is the same in any pages, whoever asks, and whatever is selected', async () => {
    const text = fc.constantFrom('', 'g', 'g1', '7', 'nobody');
    const grants = fc.constantFrom<Omit<Grant, 'role' | 'jid'>>(
      {},
      { guests: ['g1*', 'g07'] },
      { guests: ['*'] },
      { hosts: ['host1'] },
      { hosts: ['x'] },
      { tags: ['web'] },
    );
    const selected = fc.record({
      where: fc.constantFrom<string[]>([], [' '], ['state:running'], ['host:host1 name:g*']),
      match: fc.option(text, { nil: undefined }),
      state: fc.constantFrom(undefined, 'running' as const),
    });
    await fc.assert(
      fc.asyncProperty(grants, selected, fc.integer({ min: 1, max: 60 }), async (grant, args, limit) => {
        const guests = site();
        const policy = Policy.parse({ grants: [{ role: 'viewer', jid: 'ann@skerry.test', ...grant }] });
        const may = maySite(guests, mayBy(policy, centralVerbs, { site: true }));
        const { 'guest.list': list } = siteGuestHandlers({ site: guests, may, ask: () => assert.fail() });
        const due = guests
          .guests()
          .filter(guestSelector(args.where))
          .filter(
            ({ contact, guest }) => contact.includes(args.match ?? '') && (args.state ?? guest.state) === guest.state,
          )
          .filter(({ contact }) => may(call.requester, 'guest.info', { guest: contact }))
          .map(({ contact }) => contact);
        const pages: string[] = [];
        for (let from = 0; from < COUNT + limit; from += limit)
          pages.push(...(await list({ ...args, from, limit }, call)).map(({ name }) => name));
        assert.deepEqual(pages, due);
      }),
    );
  });

  it('does not look at what comes before a page, for who sees all', async () => {
    const guests = site();
    const found: string[] = [];
    const find = guests.find.bind(guests);
    guests.find = (contact) => {
      found.push(contact);
      return find(contact);
    };
    const { 'guest.list': list } = siteGuestHandlers({ site: guests, may: () => true, ask: () => assert.fail() });
    await list({ where: [], from: 40, limit: 3 }, call);
    assert.deepEqual(found, ['g40', 'g41', 'g42']);
  });
});

describe('host.probe of a site', () => {
  const asked: unknown[] = [];
  const stage = (may: May) =>
    siteHostHandlers({
      site: site(),
      may,
      ask: async (host, verb, _row, args) => {
        asked.push([host.name, verb, args]);
        return { value: { verdict: 'good', kind: 'tcp', target: 'x', tookMs: 1 } } as never;
      },
      lookFrom: async (network, host) => {
        asked.push(['leg', network, host]);
        return { [Symbol.dispose]: () => void asked.push('let go') };
      },
      isStopped: (network) => network === 'quiet',
    })['host.probe'];
  const look = { host: 'host1', insecure: false, status: undefined, pattern: undefined };
  afterEach(() => void asked.splice(0));

  it('has a leg made first, where it is to be looked from a network', async () => {
    await stage(() => true)({ ...look, kind: 'tcp', target: 'venti:1', network: 'grid' }, call);
    assert.deepEqual(asked[0], ['leg', 'grid', 'host1']);
    assert.equal(asked.length, 3);
    assert.equal(asked[2], 'let go');
  });

  it('says of a network that is stopped that it is, and has nothing made', async () => {
    const stopped = stage(() => true)({ ...look, kind: 'tcp', target: 'venti:1', network: 'quiet' }, call);
    await assert.rejects(stopped, /network quiet is stopped/);
    assert.deepEqual(asked, []);
  });

  it('is asked of the agent, without the host', async () => {
    await stage(() => true)({ ...look, kind: 'tcp', target: 'venti:1' }, call);
    assert.deepEqual(asked, [
      [
        'host1',
        'host.probe',
        { kind: 'tcp', target: 'venti:1', insecure: false, status: undefined, pattern: undefined },
      ],
    ]);
  });

  it('is held to what who asks may see: the agent obeys central in everything', async () => {
    const questions: unknown[] = [];
    const handler = stage((_, verb, target) => {
      questions.push([verb, target]);
      return false;
    });
    for (const [kind, target, question] of [
      ['console', 'g02', ['console.read', { guest: 'g02' }]],
      ['agent', 'g02', ['guest.info', { guest: 'g02' }]],
      ['state', 'nobody', ['guest.info', { guest: '', host: 'host1' }]],
      ['http', 'http://a/', ['host.probe', { guest: '', host: 'host1' }]],
    ] as const) {
      await assert.rejects(handler({ ...look, kind, target }, call), /may not/);
      assert.deepEqual(questions.at(-1), question);
    }
    assert.deepEqual(asked, []);
    await assert.rejects(
      stage(() => true)({ ...look, host: 'host9', kind: 'tcp', target: 'a:1' }, call),
      /no host host9/,
    );
  });
});
