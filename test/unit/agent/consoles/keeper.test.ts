import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { type ConsoleKeeper, consoleKeeper } from '#agent/consoles/keeper.ts';
import type { Marks } from '#agent/consoles/kept-console.ts';
import { fakeDriver } from '#agent/drivers/fake/driver.ts';
import { type FakeGuestOptions, type FakeWorld, fakeWorld } from '#agent/drivers/fake/world.ts';
import { inventory } from '#agent/inventory/inventory.ts';
import { Failure } from '#shared/errors.ts';
import { type ManualClock, manualClock } from '../../support/manual-clock.ts';
import { turns } from '../inventory/lagging-driver.ts';

const quiet = { info: () => {}, warn: () => {}, error: () => {} };
const onBug = (error: unknown) => assert.fail(String(error));
const code = (wanted: string) => (error: unknown) => error instanceof Failure && error.code === wanted;

const noMarks = (): Marks => {
  const kept = new Map<string, Uint8Array>();
  return { get: (id) => kept.get(id) ?? new Uint8Array(), set: (id, mark) => void kept.set(id, mark) };
};

async function agentOn(world: FakeWorld, clock: ManualClock, keepBytes = 4096, marks = noMarks()) {
  const driver = fakeDriver({ world });
  const known = inventory({ driver, host: 'here', clock, log: quiet, onBug });
  const texts: { to: string; body: string }[] = [];
  const cuts: string[] = [];
  const pieces: { to: string; from: number; next: number; text: string }[] = [];
  const keeper = consoleKeeper({
    driver,
    inventory: known,
    marks,
    keepBytes,
    clock,
    log: quiet,
    send: {
      text: async (to, body) => void texts.push({ to, body }),
      bytes: async (to, { from, next, bytes }) =>
        void pieces.push({ to, from, next, text: Buffer.from(bytes).toString() }),
      cut: async (to, style, name) => void cuts.push(`${to} ${style} ${name}`),
    },
  });
  await known.start();
  keeper.start();
  await turns(3);
  const guest = (name: string) => known.guest(name);
  const type = (name: string, line: string) => keeper.write(guest(name), Buffer.from(`${line}\r`));
  return { known, keeper, texts, cuts, pieces, guest, type, stop: () => Promise.all([keeper.stop(), known.stop()]) };
}

async function stage(guests: readonly FakeGuestOptions[], keepBytes?: number) {
  const clock = manualClock();
  const world = fakeWorld({ clock, bootMs: 0, shutdownMs: 0, guests });
  clock.advance(0);
  return { clock, world, ...(await agentOn(world, clock, keepBytes)) };
}

const lastLines = (keeper: ConsoleKeeper, guest: Parameters<ConsoleKeeper['read']>[0], lines = 50) =>
  keeper.read(guest, { lines }).text;

/** Let what is gathered go out. */
async function gathered(clock: ManualClock, ms = 400): Promise<void> {
  clock.advance(ms);
  await turns(3);
}

describe('console keeper', () => {
  it('has what a guest wrote before the agent began, and what it writes since', async () => {
    const { keeper, guest, type, stop } = await stage([{ name: 'web', running: true }]);
    await type('web', 'echo hello');
    assert.equal(
      lastLines(keeper, guest('web')),
      'Fake firmware\n[    0.000000] web boots\nweb:~# echo hello\nhello\nweb:~# ',
    );
    assert.equal(lastLines(keeper, guest('web'), 2), 'hello\nweb:~# ');
    await stop();
  });

  it('goes on where a reader stopped, and says what was missed', async () => {
    const { keeper, guest, type, stop } = await stage([{ name: 'web', running: true }], 200);
    const first = keeper.read(guest('web'), { lines: 1 });
    await type('web', 'echo one');
    const second = keeper.read(guest('web'), { lines: 1, from: first.next });
    assert.equal(second.text, 'echo one\none\nweb:~# ');
    assert.equal(second.from, first.next);
    await type('web', 'seq 200');
    const third = keeper.read(guest('web'), { lines: 1, from: second.next });
    assert.equal(third.missed, third.from - second.next);
    assert.ok(third.missed > 0 && third.text.endsWith('199\n200\nweb:~# '));
    await stop();
  });

  it('keeps the past over a restart of the guest, once each', async () => {
    const { keeper, world, clock, guest, type, stop } = await stage([{ name: 'web', running: true }]);
    await type('web', 'echo before');
    world.named('web')!.poweroff();
    await turns(3);
    assert.equal(keeper.info(guest('web')).state, 'closed');
    await assert.rejects(type('web', 'x'), code('console-closed'));
    world.named('web')!.start(false);
    await gathered(clock);
    assert.equal(keeper.info(guest('web')).state, 'open');
    const text = lastLines(keeper, guest('web'));
    assert.equal(text.split('before').length, 3, text);
    assert.equal(text.split('web boots').length, 3, text);
    await stop();
  });

  it('has the past also after a restart of the agent', async () => {
    const { world, clock, type, stop } = await stage([{ name: 'web', running: true }]);
    await type('web', 'echo before');
    await stop();
    const again = await agentOn(world, clock);
    assert.match(lastLines(again.keeper, again.guest('web')), /echo before\nbefore\n/);
    await again.stop();
  });

  it('reads on when nobody watches, and opens again when the port breaks', async () => {
    const { keeper, world, clock, guest, stop } = await stage([{ name: 'web', running: true }]);
    world.named('web')!.serial.hangUp();
    await turns(3);
    assert.equal(keeper.info(guest('web')).state, 'closed');
    world.named('web')!.serial.print('while nobody read\n');
    await gathered(clock, 1000);
    assert.equal(keeper.info(guest('web')).state, 'open');
    assert.match(lastLines(keeper, guest('web')), /while nobody read\n$/);
    assert.equal(lastLines(keeper, guest('web')).split('web boots').length, 2);
    await stop();
  });

  it('sends programs the bytes in order, without a gap', async () => {
    const { keeper, clock, guest, type, pieces, stop } = await stage([{ name: 'web', running: true }]);
    const { next } = keeper.read(guest('web'), { lines: 1 });
    keeper.watch(guest('web'), { to: 'cli@x/1', style: 'bytes' }, 60_000);
    for (const word of ['one', 'two', 'three']) {
      await type('web', `echo ${word}`);
      await gathered(clock, 30);
    }
    let at = next;
    for (const piece of pieces) {
      assert.equal(piece.from, at);
      assert.equal(piece.next - piece.from, Buffer.byteLength(piece.text));
      at = piece.next;
    }
    assert.match(pieces.map(({ text }) => text).join(''), /^echo one\r\none\r\n.*two\r\n.*three\r\nweb:~# $/s);
    await stop();
  });

  it('gathers for people, and says how much it left out of a flood', async () => {
    const { keeper, clock, guest, type, texts, stop } = await stage([{ name: 'web', running: true }], 65_536);
    keeper.watch(guest('web'), { to: 'me@x/phone', style: 'text' }, 60_000);
    await type('web', 'echo \x1b[1mbold');
    assert.equal(texts.length, 0);
    await gathered(clock);
    assert.equal(texts.length, 1);
    assert.match(texts[0]!.body, /^web:\necho .*bold\n.*bold\nweb:~#$/s);
    await type('web', 'seq 5000');
    await gathered(clock);
    assert.equal(texts.length, 2);
    assert.match(texts[1]!.body, /^web:\n… \d+ bytes left out.*5000\nweb:~#$/s);
    assert.ok(texts[1]!.body.length < 2500);
    await stop();
  });

  it('sends people no more than ten messages in ten seconds, whatever the guest writes', async () => {
    const { keeper, world, clock, guest, texts, stop } = await stage([{ name: 'web', running: true }]);
    keeper.watch(guest('web'), { to: 'me@x/phone', style: 'text' }, 600_000);
    for (let step = 0; step < 300; step++) {
      world.named('web')!.serial.print(`line ${step}\n`);
      await gathered(clock, 100);
    }
    assert.ok(texts.length >= 20 && texts.length <= 40, `${texts.length} messages in 30 s`);
    await gathered(clock, 20_000);
    assert.match(texts.at(-1)!.body, /line 299$/);
    await stop();
  });

  it('ends a watch with its lease, says so, and counts who watches', async () => {
    const { keeper, clock, guest, type, texts, stop } = await stage([{ name: 'web', running: true }]);
    keeper.watch(guest('web'), { to: 'a@x/1', style: 'text' }, 10_000);
    keeper.watch(guest('web'), { to: 'b@x/1', style: 'bytes' }, 60_000);
    assert.equal(keeper.info(guest('web')).watchers, 2);
    await gathered(clock, 9_000);
    keeper.watch(guest('web'), { to: 'a@x/1', style: 'text' }, 10_000);
    await gathered(clock, 9_000);
    assert.equal(keeper.info(guest('web')).watchers, 2);
    await gathered(clock, 2_000);
    assert.equal(keeper.info(guest('web')).watchers, 1);
    assert.match(texts.at(-1)!.body, /has ended/);
    keeper.unwatch('b@x/1');
    assert.equal(keeper.info(guest('web')).watchers, 0);
    const before = texts.length;
    await type('web', 'echo more');
    await gathered(clock);
    assert.equal(texts.length, before);
    assert.match(lastLines(keeper, guest('web')), /more\n/);
    await stop();
  });

  it('cuts off who may watch no more, tells them, and sends them nothing', async () => {
    const guests = [
      { name: 'web', running: true },
      { name: 'db', running: true },
    ];
    const { keeper, clock, guest, type, texts, cuts, pieces, stop } = await stage(guests);
    keeper.watch(guest('web'), { to: 'a@x/1', style: 'text' }, 60_000);
    keeper.watch(guest('db'), { to: 'a@x/1', style: 'text' }, 60_000);
    keeper.watch(guest('web'), { to: 'b@x/1', style: 'bytes' }, 60_000);
    await type('web', 'echo gathered');
    keeper.recheck((to, name) => to === 'a@x/1' && name === 'db');
    assert.deepEqual(cuts, ['a@x/1 text web', 'b@x/1 bytes web']);
    await type('web', 'echo secret');
    await type('db', 'echo open');
    await gathered(clock);
    assert.deepEqual(
      texts.map(({ to, body }) => [to, /^db:/.test(body)]),
      [['a@x/1', true]],
    );
    assert.deepEqual(pieces, []);
    assert.deepEqual([keeper.info(guest('web')).watchers, keeper.info(guest('db')).watchers], [0, 1]);
    clock.advance(60_000);
    assert.equal(cuts.length, 2, 'of a watch that was cut, no end of its lease is told');
    assert.equal(texts.filter(({ body }) => /has ended/.test(body)).length, 1);
    keeper.recheck(() => true);
    assert.equal(cuts.length, 2);
    await stop();
  });

  it('says so where there is no console, and lists those that there are', async () => {
    const { keeper, guest, stop } = await stage([
      { name: 'web', running: true },
      { name: 'dumb', running: true, hasConsole: false },
      { name: 'off' },
    ]);
    assert.throws(() => keeper.read(guest('dumb'), { lines: 1 }), code('console-missing'));
    await assert.rejects(keeper.write(guest('dumb'), Buffer.from('x')), code('console-missing'));
    await assert.rejects(keeper.write(guest('off'), Buffer.from('x')), code('console-closed'));
    assert.deepEqual(
      keeper.list().map(({ guest, state }) => [guest, state]),
      [['web', 'open']],
    );
    await stop();
  });

  it('forgets a guest that was deleted', async () => {
    const { keeper, world, clock, known, stop } = await stage([{ name: 'web', running: true }]);
    world.named('web')!.poweroff();
    world.remove(world.named('web')!);
    await known.settled();
    await gathered(clock);
    assert.deepEqual(keeper.list(), []);
    await stop();
  });
});
