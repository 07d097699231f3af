import assert from 'node:assert/strict';
import fc from 'fast-check';
import { reporter } from '#agent/reports/reporter.ts';
import type { Contact } from '#central/inventory/contacts.ts';
import { Site } from '#central/inventory/site.ts';
import type { InventoryStore, Loaded, StoredHost } from '#central/inventory/store.ts';
import { Failure } from '#shared/errors.ts';
import type { Guest, GuestState } from '#shared/model/guest.ts';
import type { Report } from '#shared/model/report.ts';
import { guestOf } from '#test/unit/support/guest.ts';
import { manualClock } from '#test/unit/support/manual-clock.ts';

/** One thing that happens: to a guest, to a report on its way, or to a program. */
type Event =
  | { is: 'guest'; uuid: number; state: GuestState | 'gone' }
  | { is: 'time'; ms: number }
  | { is: 'lose'; what: 'report' | 'answer' | 'nothing' | 'twice' | 'late' }
  | { is: 'restart'; what: 'agent' | 'central' }
  | { is: 'disk'; full: boolean };

const guest = (uuid: number): fc.Arbitrary<Event> =>
  fc
    .constantFrom<GuestState | 'gone'>('running', 'shutoff', 'paused', 'gone')
    .map((state) => ({ is: 'guest', uuid, state }));
const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 6, arbitrary: fc.nat(900).chain(guest) },
  { weight: 4, arbitrary: fc.nat(60_000).map((ms): Event => ({ is: 'time', ms })) },
  {
    weight: 4,
    arbitrary: fc
      .constantFrom('report' as const, 'answer' as const, 'nothing' as const, 'twice' as const, 'late' as const)
      .map((what): Event => ({ is: 'lose', what })),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('agent' as const, 'central' as const).map((what): Event => ({ is: 'restart', what })),
  },
  { weight: 1, arbitrary: fc.boolean().map((full): Event => ({ is: 'disk', full })) },
);

const record = (n: number, state: GuestState): Guest => guestOf(`guest${n}`, { uuid: `uuid-${n}`, state });

/** What a disk would hold: written whole or not at all. */
function memoryStore() {
  const hosts = new Map<string, StoredHost>();
  const contacts = new Map<string, Contact>();
  const contactOf = new Map<string, Map<string, string>>();
  const disk = { full: false };
  const write = async (work: () => void): Promise<void> => {
    await Promise.resolve();
    if (disk.full) throw new Failure('host-space', { problem: 'database or disk is full' });
    work();
  };
  const store: InventoryStore = {
    putHost: (host) => write(() => hosts.set(host.name, host)),
    putContact: (contact) => write(() => contacts.set(contact.contact, contact)),
    putReport: (host, guests, made) =>
      write(() => {
        const before = hosts.get(host.name)?.known.guests ?? new Map<string, Guest>();
        const rows = new Map(before);
        const names = contactOf.get(host.name) ?? new Map<string, string>();
        for (const { uuid, placed } of guests) {
          if (placed) rows.set(uuid, placed.guest);
          else rows.delete(uuid);
          if (placed) names.set(uuid, placed.contact);
          else names.delete(uuid);
        }
        contactOf.set(host.name, names);
        for (const contact of made) contacts.set(contact.contact, contact);
        const { gathering, ...known } = host.known;
        hosts.set(host.name, { ...host, known: { ...known, seq: gathering ? 0 : known.seq, guests: rows } });
      }),
    removeHost: (name) => write(() => void hosts.delete(name)),
  };
  const load = (): Loaded =>
    structuredClone({ hosts: [...hosts.values()], contacts: [...contacts.values()], contactOf });
  return { store, load, disk };
}

/** An agent's reporter and central's inventory, with a road between them that does what it is told. */
async function world(events: readonly Event[]): Promise<{ truth: Map<string, Guest>; site: Site; bugs: unknown[] }> {
  const clock = manualClock();
  const truth = new Map<string, Guest>();
  const { store, load, disk } = memoryStore();
  const bugs: unknown[] = [];
  const onBug = (error: unknown): void => void bugs.push(error);
  const newSite = (): Site => new Site({ loaded: load(), store, now: clock.now, onBug });
  let site = newSite();
  await site.enrol('host1', 'host1@skerry.test');
  let road: (Event & { is: 'lose' })['what'] = 'nothing';
  const late: Report[] = [];
  const wire = (report: Report): Report => JSON.parse(JSON.stringify(report));
  const send = async (report: Report): Promise<void> => {
    const now = road;
    road = 'nothing';
    if (now === 'late') late.push(wire(report));
    if (now === 'report' || now === 'late') throw new Failure('no-answer', { peer: 'central', timeoutS: 30 });
    await site.take('host1@skerry.test', wire(report));
    if (now === 'twice') await site.take('host1@skerry.test', wire(report));
    if (now === 'answer') throw new Failure('not-connected');
  };
  let epoch = 0;
  const newAgent = () =>
    reporter({
      epoch: ++epoch,
      guests: () => [...truth.values()],
      facts: () => ({ state: 'up', version: '1' }),
      jobs: () => [],
      send,
      clock,
      random: () => 0.5,
      onBug,
    });
  let agent = newAgent();
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 40; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
  };
  for (const happens of events) {
    if (happens.is === 'guest') {
      const uuid = `uuid-${happens.uuid}`;
      if (happens.state === 'gone') truth.delete(uuid);
      else truth.set(uuid, record(happens.uuid, happens.state));
      agent.changed({ id: uuid });
    } else if (happens.is === 'time') {
      clock.advance(happens.ms);
      await new Promise<void>((resolve) => setImmediate(resolve));
    } else if (happens.is === 'lose') road = happens.what;
    else if (happens.is === 'disk') disk.full = happens.full;
    else if (happens.what === 'central') site = newSite();
    else {
      const before = agent;
      agent = newAgent();
      await before.stop();
      agent.report();
    }
  }
  // Peace: the road is whole, there is room, and time goes by. What was late comes at the worst moment.
  road = 'nothing';
  disk.full = false;
  for (let minute = 0; minute < 4; minute++) {
    clock.advance(60_000);
    await settle();
    const stray = late.shift();
    if (stray) await site.take('host1@skerry.test', stray).catch((error) => assert.ok(error instanceof Failure, error));
    agent.wake();
    await settle();
  }
  await agent.stop();
  return { truth, site, bugs };
}

describe('reports of an agent', () => {
  it('bring central to the truth in the end, whatever is lost, repeated, late, restarted, or finds no room', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 40 }), async (events) => {
        const { truth, site, bugs } = await world(events);
        assert.deepEqual(bugs, []);
        const known = site.host('host1').known.guests;
        assert.deepEqual([...known.values()].sort(byUuid), [...truth.values()].sort(byUuid));
        assert.deepEqual(site.contacts(), [...truth.values()].map(({ name }) => name).sort());
        assert.equal(site.host('host1').reach, 'heard');
      }),
      { numRuns: Number(process.env.SKERRY_FUZZ_RUNS ?? 300) },
    );
  });

  it('of a large host come in parts, and take effect as one', async () => {
    const guests = Array.from({ length: 900 }, (_, uuid): Event => ({ is: 'guest', uuid, state: 'running' }));
    const { site } = await world([...guests, { is: 'time', ms: 1 }, { is: 'restart', what: 'central' }]);
    assert.equal(site.contacts().length, 900);
  });
});

const byUuid = (a: Guest, b: Guest): number => (a.uuid < b.uuid ? -1 : 1);
