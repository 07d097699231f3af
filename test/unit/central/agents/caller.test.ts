import assert from 'node:assert/strict';
import type { Element } from '@xmpp/xml';
import { agentCaller } from '#central/agents/caller.ts';
import type { SiteChange, SiteHost } from '#central/inventory/known-site.ts';
import type { Site } from '#central/inventory/site.ts';
import { Failure } from '#shared/errors.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import type { IqRequest } from '#shared/xmpp/entity.ts';
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
  const ask = agentCaller({ entity, clock, site: { onChange: () => () => {} } });
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

  it('asks again at once, for the same operation, where the agent began anew and forgot whom it owes an answer', async () => {
    const asked: string[] = [];
    const told = new Set<(change: SiteChange) => unknown>();
    const site: Pick<Site, 'onChange'> = {
      onChange: (listener) => {
        told.add(listener);
        return () => told.delete(listener);
      },
    };
    const request = ({ child, signal }: IqRequest): Promise<Element> => {
      asked.push(operationIn(child));
      if (asked.length === 2) return Promise.reject(new StanzaError('cancel', 'conflict'));
      const { promise, reject } = Promise.withResolvers<never>();
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      queueMicrotask(() => {
        for (const listener of told) listener(anew('host1'));
        assert.equal(signal?.aborted, false, 'another host began anew');
        for (const listener of told) listener(anew('host2'));
      });
      return promise;
    };
    const ask = agentCaller({ entity: { bareJid: 'central.skerry.test', request }, clock: stopped, site });
    const call = { requester: { bareJid: 'a@b.c', fullJid: 'a@b.c/1' }, operation: 'op1', signal: never() };
    await assert.rejects(ask(HOST, 'guest.start', agentVerbs['guest.start'], { guest: 'venti' }, call));
    assert.equal(asked.length, 2);
    assert.equal(asked[0], asked[1]);
    assert.equal(told.size, 1, 'one listens for all');
  });

  it('tells an agent from before nothing of what an operation takes the place of, once that has refused the field', async () => {
    const asked: string[] = [];
    const request = ({ child }: IqRequest): Promise<Element> => {
      asked.push(String(child));
      const field = { field: '“supersedes”', problem: 'there is no such argument; there are guest' };
      const refused = new StanzaError('modify', 'bad-request', 'no', 'bad-argument', field);
      return Promise.reject(
        asked.length === 1 ? refused : new StanzaError('cancel', 'item-not-found', 'no', 'guest-not-found'),
      );
    };
    const entity = { bareJid: 'central.skerry.test', request };
    const ask = agentCaller({ entity, clock: stopped, site: { onChange: () => () => {} } });
    const requester = { bareJid: 'a@b.c', fullJid: 'a@b.c/1' };
    const call = { requester, operation: 'op2', supersedes: ['op1'], signal: never() };
    await assert.rejects(
      ask(HOST, 'guest.start', agentVerbs['guest.start'], { guest: 'venti' }, call),
      (error) => error instanceof Failure && error.code === 'guest-not-found',
    );
    assert.deepEqual(
      asked.map((each) => each.includes('supersedes')),
      [true, false],
    );
    assert.equal(operationIn(asked[0]), operationIn(asked[1]));
  });
});

const stopped = { now: () => 0, after: () => () => {} };
const never = (): AbortSignal => new AbortController().signal;
const operationIn = (child: Element | string | undefined): string =>
  /operation.*?<value>(.*?)<\/value>/su.exec(String(child))?.[1] ?? '';
const anew = (name: string): SiteChange =>
  ({
    what: 'host',
    name,
    before: { known: { epoch: 1 } },
    after: { known: { epoch: 2 } },
  }) as SiteChange;
