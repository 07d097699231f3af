import assert from 'node:assert/strict';
import fc from 'fast-check';
import { consoleKeeper } from '#agent/consoles/keeper.ts';
import { consoleMarks } from '#agent/consoles/marks.ts';
import { fakeDriver } from '#agent/drivers/fake/driver.ts';
import { type FakeGuestOptions, type FakeWorld, fakeWorld } from '#agent/drivers/fake/world.ts';
import { inventory } from '#agent/inventory/inventory.ts';
import type { Settings } from '#agent/journal/settings.ts';
import { consoleLook, linesIn } from '#agent/probes/console.ts';
import { agentLook, stateLook } from '#agent/probes/guest-looks.ts';
import { matcher } from '#agent/probes/matcher.ts';
import { steadyClock } from '#shared/clock.ts';
import { type ManualClock, manualClock } from '#test/unit/support/manual-clock.ts';
import { turns } from '../inventory/lagging-driver.ts';

const quiet = { info: () => {}, warn: () => {}, error: () => {} };
const signal = () => AbortSignal.timeout(20_000);
const NO_LINE = { ok: false, why: 'no line of its console has matched since its start' };

function keptInMemory(): Settings {
  const kept = new Map<string, string>();
  return { get: (key) => kept.get(key), set: (key, value) => void kept.set(key, value) };
}

/** An agent on a world that may have been there before it. */
async function agentOn(world: FakeWorld, clock: ManualClock, kept: Settings) {
  const driver = fakeDriver({ world, host: 'host1' });
  const known = inventory({ driver, host: 'host1', clock, log: quiet, onBug: assert.fail });
  const send = { text: async () => {}, bytes: async () => {}, cut: async () => {} };
  const consoles = consoleKeeper({
    ...{ driver, inventory: known, keepBytes: 8_192, clock, log: quiet, send },
    marks: consoleMarks(kept),
  });
  await known.start();
  consoles.start();
  await turns(3);
  const by = matcher(steadyClock);
  const deps = { host: 'host1', driver, inventory: known, consoles, matcher: by };
  const settled = async (): Promise<void> => {
    await turns(3);
    clock.advance(300);
    await turns(3);
  };
  return {
    ...{ driver, deps, consoles, settled, known },
    look: (pattern: string, name = 'web') => consoleLook(deps, name, pattern),
    type: (line: string) => consoles.write(known.guest('web'), Buffer.from(`${line}\r`)),
    /** As the verb does. */
    start: async () => {
      const guest = known.guest('web');
      await consoles.mark(guest, signal());
      await driver.startGuest(guest.uuid, { paused: false }, signal());
      await settled();
    },
    stop: async () => {
      by.stop();
      await consoles.stop();
      await known.stop();
    },
  };
}

async function stage(guest: Partial<FakeGuestOptions> = {}) {
  const clock = manualClock();
  const world = fakeWorld({ clock, bootMs: 0, shutdownMs: 0, guests: [{ name: 'web', ...guest }] });
  clock.advance(0);
  const kept = keptInMemory();
  return { clock, world, kept, ...(await agentOn(world, clock, kept)) };
}

describe('a look by a line of the console', () => {
  it('is good from the first line that matches on, prompts included', async () => {
    const { look, type, start, stop } = await stage();
    const [prompt, word] = [look('^web:~# $'), look('^all (is|are) well$')];
    assert.deepEqual(await prompt(signal()), { ok: false, why: 'the guest web is shutoff' });
    await start();
    assert.deepEqual(await prompt(signal()), { ok: true });
    assert.deepEqual(await word(signal()), NO_LINE);
    await type('echo all is well');
    assert.deepEqual(await word(signal()), { ok: true });
    await type('seq 3000');
    assert.deepEqual(await word(signal()), { ok: true }, 'also when the line is not kept any more');
    await stop();
  });

  it('does not take a line of an earlier life for one of this', async () => {
    const { look, type, start, settled, world, stop } = await stage({ running: true });
    const word = look('^first life$');
    await type('echo first life');
    assert.deepEqual(await word(signal()), { ok: true });
    world.named('web')?.poweroff();
    await settled();
    assert.deepEqual(await word(signal()), { ok: false, why: 'the guest web is shutoff' });
    await start();
    assert.deepEqual(await word(signal()), NO_LINE);
    assert.deepEqual(await look('^first life$')(signal()), NO_LINE, 'nor does one that looks for the first time');
    assert.deepEqual(await look('^web:~# $')(signal()), { ok: true });
    await stop();
  });

  it('knows where a life begins though the agent began between two, or in the middle of it', async () => {
    const first = await stage({ running: true });
    await first.type('echo first life');
    await first.stop();
    first.world.named('web')?.poweroff();
    const second = await agentOn(first.world, first.clock, first.kept);
    await second.start();
    await second.type('echo second life');
    assert.deepEqual(await second.look('^first life$')(signal()), NO_LINE);
    assert.deepEqual(await second.look('^second life$')(signal()), { ok: true });
    await second.stop();
    const third = await agentOn(first.world, first.clock, first.kept);
    assert.deepEqual(await third.look('^first life$')(signal()), NO_LINE);
    assert.deepEqual(await third.look('^second life$')(signal()), { ok: true });
    await third.stop();
  });

  it('knows it also in the middle of a life that it saw begin after another', async () => {
    const first = await stage({ running: true });
    await first.type('echo first life');
    first.world.named('web')?.poweroff();
    await first.settled();
    // By somebody else: nobody told the agent before.
    first.world.named('web')?.start(false);
    await first.settled();
    await first.type('echo second life');
    await first.stop();
    const second = await agentOn(first.world, first.clock, first.kept);
    assert.deepEqual(await second.look('^first life$')(signal()), NO_LINE);
    assert.deepEqual(await second.look('^second life$')(signal()), { ok: true });
    await second.stop();
  });

  it('knows it though the agent ended right before the start', async () => {
    const first = await stage({ running: true });
    await first.type('echo first life');
    first.world.named('web')?.poweroff();
    await first.settled();
    await first.consoles.mark(first.known.guest('web'), signal());
    await first.stop();
    first.world.named('web')?.start(false);
    const second = await agentOn(first.world, first.clock, first.kept);
    assert.deepEqual(await second.look('^first life$')(signal()), NO_LINE);
    await second.stop();
  });

  it('says what a guest lacks', async () => {
    const { look, stop } = await stage({ running: true, hasConsole: false });
    assert.deepEqual(await look('x')(signal()), {
      ok: false,
      why: 'the guest web has no serial console that can be read',
    });
    assert.deepEqual(await look('x', 'nobody')(signal()), { ok: false, why: 'there is no guest nobody on host1' });
    await stop();
  });

  it('tries every line, as it would be shown, in pieces that are not too long', () => {
    const text = (from: string) => linesIn(Buffer.from(from));
    assert.deepEqual(text(''), { lines: [], rest: 0 });
    assert.deepEqual(text('one\r\n\x1b[1mtwo\x1b[0m\r\nlog'), { lines: ['one', 'two', 'log'], rest: 18 });
    assert.deepEqual(text('one\n'), { lines: ['one'], rest: 4 });
    fc.assert(
      fc.property(fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '\n'), maxLength: 9_000 })), (parts) => {
        const bytes = Buffer.from(parts.join(''));
        const { lines, rest } = linesIn(bytes);
        for (const line of lines) assert.ok(line.length <= 4_096);
        assert.equal(lines.join(''), bytes.toString().replaceAll('\n', ''));
        assert.ok(!bytes.subarray(rest).includes('\n'), 'what is tried again is the last line');
        assert.ok(rest === 0 || bytes.length - rest <= 4_096);
      }),
    );
  });
});

describe('a look at a guest', () => {
  it('is good when it is up, and not while it is paused', async () => {
    const { deps, driver, known, start, settled, stop } = await stage();
    const look = stateLook(deps, 'web');
    assert.deepEqual(await look(signal()), { ok: false, why: 'the guest web is shutoff' });
    await start();
    assert.deepEqual(await look(signal()), { ok: true });
    await driver.suspendGuest?.(known.guest('web').uuid, signal());
    await settled();
    assert.deepEqual(await look(signal()), { ok: false, why: 'the guest web is paused' });
    assert.deepEqual(await stateLook(deps, 'nobody')(signal()), {
      ok: false,
      why: 'there is no guest nobody on host1',
    });
    assert.deepEqual(await stateLook(deps, undefined)(signal()), { ok: true }, 'a host is up where it is asked');
    await stop();
  });

  it('hears its agent, where the driver can', async () => {
    const { deps, start, stop } = await stage();
    const look = agentLook(deps, 'web');
    assert.deepEqual(await look(signal()), { ok: false, why: 'the guest web is shutoff' });
    await start();
    assert.deepEqual(await look(signal()), { ok: true });
    const without = agentLook({ ...deps, driver: { kind: 'zones' } }, 'web');
    assert.deepEqual(await without(signal()), {
      ok: false,
      why: 'The zones driver of host1 cannot do a ping of a guest agent.',
    });
    await stop();
  });

  it('is bad while the hypervisor does not answer: what is known may be old', async () => {
    const { deps, world, settled, stop } = await stage({ running: true });
    world.goAway('it is away');
    await settled();
    assert.match(JSON.stringify(await stateLook(deps, 'web')(signal())), /the hypervisor of host1 does not answer/);
    await stop();
  });
});
