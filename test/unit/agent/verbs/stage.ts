import assert from 'node:assert/strict';
import type { HypervisorDriver } from '#agent/drivers/driver.ts';
import { fakeDriver } from '#agent/drivers/fake/driver.ts';
import { type FakeGuestOptions, type FakeWorld, fakeWorld } from '#agent/drivers/fake/world.ts';
import { hostInventory } from '#agent/inventory/several.ts';
import { guestHandlers } from '#agent/verbs/guest.ts';
import { makingHandlers } from '#agent/verbs/making.ts';
import { snapshotHandlers } from '#agent/verbs/snapshot.ts';
import { systemClock } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';
import { readArguments } from '#shared/verb/arguments.ts';
import { mayBy, Policy } from '#shared/verb/policy.ts';
import type { Call } from '#shared/verb/request.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';

const quiet = { info: () => {}, warn: () => {}, error: () => {} };

/** What `assert.rejects` is to look for: a Failure of that row, with these details. */
export const code =
  (wanted: string, details: object = {}) =>
  (error: unknown) => {
    assert.ok(error instanceof Failure, String(error));
    assert.equal(error.code, wanted, error.message);
    for (const [key, value] of Object.entries(details)) assert.equal(error.details[key], value);
    return true;
  };

const policy = Policy.parse({
  grants: [
    { jid: 'admin@x', role: 'admin' },
    { jid: 'webmaster@x', role: 'admin', guests: ['web*'] },
    { jid: 'viewer@x', role: 'viewer', guests: ['web*'] },
  ],
});
export const may = mayBy(policy, agentVerbs);

export type GuestVerb = keyof ReturnType<typeof guestHandlers>;
type Stage = Awaited<ReturnType<typeof stageOn>>;
/** Verbs of guests, on the fake hypervisor. */
export async function stage(guests: readonly FakeGuestOptions[]): Promise<Stage & { world: FakeWorld }> {
  const world = fakeWorld({ bootMs: 0, shutdownMs: 0, guests });
  const made = await stageOn(fakeDriver({ world, host: 'here' }));
  await new Promise((resolve) => setTimeout(resolve, 5)); // guests that run have come up
  const stop = async () => {
    await made.stop();
    world.close();
  };
  return { ...made, world, stop };
}

/** Verbs of guests, on whatever drives them. */
export async function stageOn(driver: HypervisorDriver) {
  const known = hostInventory({ driver, host: 'here', clock: systemClock, log: quiet, onBug: assert.fail });
  await known.start();
  const deps = {
    ...{ driver, inventory: known, may, host: 'here' },
    consoles: { mark: async () => {} },
    log: { warn: () => {} },
  };
  const handlers = { ...guestHandlers(deps), ...makingHandlers(deps), ...snapshotHandlers(deps) };
  const told: string[] = [];
  const run = async (
    verb: keyof typeof handlers,
    args: Record<string, unknown>,
    by = 'admin@x',
    more: Partial<Call> = {},
  ) => {
    const call: Call = {
      verb,
      requester: { bareJid: by, fullJid: `${by}/1` },
      surface: 'form',
      operation: 'o',
      signal: AbortSignal.timeout(10_000),
      progress: (text) => void told.push(text),
      ...more,
    };
    const handler = handlers[verb] as (args: unknown, call: Call) => Promise<unknown>;
    return agentVerbs[verb].result.parse(await handler(readArguments(agentVerbs[verb], args), call)) as Record<
      string,
      unknown
    >;
  };
  return { driver, known, run, told, stop: () => known.stop() };
}
