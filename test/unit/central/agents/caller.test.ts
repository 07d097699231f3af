import assert from 'node:assert/strict';
import { agentCaller } from '#central/agents/caller.ts';
import type { SiteHost } from '#central/inventory/site.ts';
import { Failure } from '#shared/errors.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { StanzaError } from '#shared/xmpp/stanza-error.ts';

const HOST = { name: 'host2', jid: 'host2@skerry.test', reach: 'heard' } as SiteHost;

/** How asking ends when every try ends like this; time goes by in the pauses alone. */
async function outcome(verb: 'guest.start' | 'guest.info', error: Error): Promise<string> {
  let now = 0;
  const clock = {
    now: () => now,
    after: (ms: number, done: () => void) => {
      now += ms;
      queueMicrotask(done);
      return () => {};
    },
  };
  const entity = { bareJid: 'central.skerry.test', request: () => Promise.reject(error) };
  const call = {
    requester: { bareJid: 'ann@skerry.test', fullJid: 'ann@skerry.test/1' },
    operation: 'op1',
    signal: new AbortController().signal,
  };
  const ask = agentCaller({ entity, clock });
  return ask(HOST, verb, agentVerbs[verb], { guest: 'venti' }, call).then(
    () => 'done',
    (failure: Failure) => failure.code,
  );
}

describe('asking an agent', () => {
  const silent = new Failure('no-answer', { peer: 'host2', timeoutS: 20 });
  const absent = new StanzaError('cancel', 'service-unavailable');

  it('leaves open what became of a change whose answer did not come', async () => {
    assert.equal(await outcome('guest.start', silent), 'operation-uncertain');
  });
  it('says that a host is not reached where nothing was delivered, or nothing could change', async () => {
    assert.equal(await outcome('guest.start', absent), 'host-unreachable');
    assert.equal(await outcome('guest.info', silent), 'host-unreachable');
  });
});
