import assert from 'node:assert/strict';
import type { SiteGuest, SiteHost } from '#central/inventory/known-site.ts';
import type { Site } from '#central/inventory/site.ts';
import { passedHandlers } from '#central/verbs/passed.ts';
import { Failure } from '#shared/errors.ts';
import type { Job } from '#shared/model/job.ts';
import type { Call } from '#shared/verb/request.ts';
import { passedGuestVerbs } from '#shared/verbs/fleet.ts';
import { guestOf } from '#test/unit/support/guest.ts';
import { manualClock } from '#test/unit/support/manual-clock.ts';

const HOST = { name: 'host1', jid: 'host1@skerry.test', reach: 'heard', tags: [] } as unknown as SiteHost;
const GUEST: SiteGuest = { contact: 'venti', guest: guestOf('venti'), host: HOST, tags: [], notes: null, title: null };
const DONE = { id: '7', verb: 'guest.shutdown', state: 'done', progress: 'done', outcome: 'done' } as Job;

/** Shut venti down, with an agent that answers like this, one answer after the other. */
function shutdown(...answers: (Failure | Job)[]) {
  const clock = manualClock();
  const told: string[] = [];
  const operations: string[] = [];
  const cancel = new AbortController();
  const site = { guest: () => GUEST, find: () => GUEST, findHost: () => HOST } as unknown as Site;
  const { 'guest.shutdown': handler } = passedHandlers(
    {
      site,
      clock,
      feed: { follow: () => () => {}, heard: () => {} },
      ask: async (_host, _verb, _row, _args, { operation }) => {
        operations.push(operation);
        const answer = answers.shift();
        if (answer instanceof Failure) throw answer;
        return { value: answer, isJob: true } as never;
      },
    },
    passedGuestVerbs,
  );
  const call: Call = {
    ...{ verb: 'guest.shutdown', surface: 'form', operation: 'op1', signal: cancel.signal },
    requester: { bareJid: 'ann@skerry.test', fullJid: 'ann@skerry.test/1' },
    progress: (text) => told.push(text),
  };
  const ended = handler?.({ guest: 'venti' }, call).then(
    () => 'done',
    (error: Failure) => error.code,
  );
  /** Time goes by until it has ended. */
  const outcome = async (): Promise<string | undefined> => {
    let found: string | undefined;
    ended?.then((word) => {
      found = word;
    });
    for (let turn = 0; turn < 100 && found === undefined; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(1_000);
    }
    return found;
  };
  return { outcome, told, operations, cancel };
}

const uncertain = (): Failure => new Failure('operation-uncertain', { operation: 'op1' });
const unreachable = (): Failure => new Failure('host-unreachable', { host: 'host1', problem: 'it is silent' });

describe('a job that an agent carries out', () => {
  it('is not over while nobody knows what became of it: the same is asked until the agent answers', async () => {
    const { outcome, told, operations } = shutdown(uncertain(), unreachable(), unreachable(), DONE);
    assert.equal(await outcome(), 'done');
    assert.deepEqual(operations, ['op1', 'op1', 'op1', 'op1']);
    assert.match(told[0] ?? '', /host1 does not answer; it may still take effect/);
  });

  it('fails at once where nothing was delivered, or the agent says no', async () => {
    assert.equal(await shutdown(unreachable()).outcome(), 'host-unreachable');
    const no = new Failure('guest-wrong-state', { guest: 'venti', state: 'paused', needed: 'running', verb: 'x' });
    assert.equal(await shutdown(no).outcome(), 'guest-wrong-state');
    assert.equal(await shutdown(uncertain(), no).outcome(), 'guest-wrong-state');
  });

  it('can be cancelled while it waits', async () => {
    const { outcome, cancel, operations } = shutdown(uncertain(), DONE);
    await new Promise((resolve) => setImmediate(resolve));
    cancel.abort(new Failure('job-cancelled', { job: '7' }));
    assert.equal(await outcome(), 'job-cancelled');
    assert.equal(operations.length, 1);
  });
});
