import assert from 'node:assert/strict';
import type { Element } from '@xmpp/xml';
import xml from '@xmpp/xml';
import fc from 'fast-check';
import { policyReplica } from '#agent/roles/replica.ts';
import { Failure } from '#shared/errors.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import type { IqHandler, Status } from '#shared/xmpp/entity.ts';
import { POLICY_NS, policyElement } from '#shared/xmpp/policy.ts';
import { StanzaError } from '#shared/xmpp/stanza-error.ts';
import { manualClock } from '#test/unit/support/manual-clock.ts';

const CENTRAL = 'central.x';
const viewer = { bareJid: 'v@x', fullJid: 'v@x/1' };
const told = (version: number, jid = 'v@x') =>
  policyElement({ version, policy: { roles: {}, grants: [{ role: 'viewer', jid }] } });
const nobody = (version: number) => policyElement({ version, policy: { roles: {}, grants: [] } });
const answer = (child: Element) => xml('iq', { type: 'result' }, child);

function scene(kept = new Map<string, string>()) {
  const questions: { version: string; resolve(iq: Element): void; reject(error: unknown): void }[] = [];
  let handler: IqHandler | undefined;
  let status: ((given: Status) => void) | undefined;
  const clock = manualClock();
  const replica = policyReplica({
    entity: {
      isOnline: true,
      request: ({ child }) => {
        const { promise, resolve, reject } = Promise.withResolvers<Element>();
        questions.push({ version: child.attrs.version ?? '', resolve, reject });
        return promise;
      },
      serve: (_type, xmlns, _name, given) => {
        assert.equal(xmlns, POLICY_NS);
        handler = given;
      },
      onStatus: (listener) => {
        status = listener;
        return () => {};
      },
    },
    central: CENTRAL,
    settings: { get: (key) => kept.get(key), set: (key, value) => void kept.set(key, value) },
    table: agentVerbs,
    clock,
    log: { warn: () => {} },
    onBug: (error) => {
      throw error;
    },
  });
  return {
    kept,
    clock,
    questions,
    onChange: replica.onChange,
    may: () => replica.may(viewer, 'guest.list'),
    connect: (how: 'online' | 'resumed' = 'online') => status?.({ status: how }),
    push: async (child: Element, from = CENTRAL) =>
      handler?.({ child, from, to: 'host1@x/agent', id: '1', stanza: xml('iq') }),
  };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('central’s policy at an agent', () => {
  it('lets nobody before central has answered, also by what is kept', async () => {
    const first = scene();
    assert.equal(first.may(), false);
    first.connect();
    first.questions[0]?.resolve(answer(told(5)));
    await settled();
    assert.equal(first.may(), true);
    const next = scene(first.kept);
    assert.equal(next.may(), false);
    next.connect();
    assert.equal(next.questions[0]?.version, '5');
    assert.equal(next.may(), false);
    next.questions[0]?.resolve(answer(nobody(6)));
    await settled();
    assert.equal(next.may(), false);
  });

  it('is told of when it may let others: when it comes, and when what is kept holds', async () => {
    const newest = told(5);
    const kept = scene();
    const heard: boolean[] = [];
    kept.onChange(() => heard.push(kept.may()));
    kept.connect();
    kept.questions[0]?.resolve(answer(newest));
    await settled();
    await kept.push(nobody(6));
    assert.deepEqual(heard, [true, false]);
    kept.connect();
    assert.deepEqual(heard, [true, false], 'nothing is known yet');
    kept.questions[1]?.reject(new StanzaError('cancel', 'service-unavailable'));
    await settled();
    assert.deepEqual(heard, [true, false, false]);
  });

  it('holds as it is kept, where the server says that central is not there', async () => {
    const { kept } = scene();
    kept.set('policy', told(5).getChildText('json') ?? '');
    let one = scene(kept);
    for (const condition of ['remote-server-not-found', 'forbidden']) {
      one = scene(kept);
      one.connect();
      one.questions[0]?.reject(new StanzaError('cancel', condition));
      await settled();
      assert.equal(one.may(), true, condition);
    }
    one.clock.advance(5_000);
    one.questions[1]?.resolve(answer(nobody(6)));
    await settled();
    assert.equal(one.may(), false);
  });

  it('does not take silence, nor a refusal, for central being away', async () => {
    const { kept } = scene();
    kept.set('policy', told(5).getChildText('json') ?? '');
    for (const error of [
      new Failure('no-answer', { peer: CENTRAL, timeoutS: 10 }),
      new StanzaError('auth', 'forbidden', 'no', 'not-permitted'),
      new StanzaError('wait', 'recipient-unavailable', 'no', 'host-unreachable'),
    ]) {
      const one = scene(kept);
      one.connect();
      one.questions[0]?.reject(error);
      await settled();
      assert.equal(one.may(), false, error.message);
      one.clock.advance(5_000);
      assert.equal(one.questions.length, 2, 'it asks again');
    }
  });

  it('asks anew with each session, not when one goes on', async () => {
    const one = scene();
    one.connect();
    one.questions[0]?.resolve(answer(told(5)));
    await settled();
    one.connect('resumed');
    assert.equal(one.may(), true);
    one.connect();
    assert.equal(one.may(), false);
    assert.equal(one.questions.length, 2);
  });

  it('takes it of central alone', async () => {
    const one = scene();
    for (const from of ['mallory@x', 'host1@x/agent', 'central.x.test', 'central@central.x', 'x'])
      await assert.rejects(one.push(told(9), from), /may not say who may do what/, from);
    assert.equal(one.may(), false);
    assert.equal(one.kept.size, 0);
  });

  it('cannot be read: it is refused, and the last holds', async () => {
    const one = scene();
    await one.push(told(5));
    const bad = (text: string) => xml('policy', { xmlns: POLICY_NS }, xml('json', { xmlns: 'urn:xmpp:json:0' }, text));
    for (const child of [bad('{'), bad('{}'), bad('{"version":9,"policy":{}}'), xml('policy', { xmlns: POLICY_NS })])
      await assert.rejects(one.push(child), /cannot be read/);
    assert.equal(one.may(), true);
  });

  it('is the newest of all that came, in whatever order, over restarts', async () => {
    const event = fc.record({ version: fc.nat(9), lets: fc.boolean(), restart: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(event), async (events) => {
        const kept = new Map<string, string>();
        let one = scene(kept);
        let newest: { version: number; lets: boolean } | undefined;
        for (const { version, lets, restart } of events) {
          if (restart) one = scene(kept);
          const isLate = newest !== undefined && version < newest.version;
          const pushed = one.push(lets ? told(version) : nobody(version));
          if (isLate) await assert.rejects(pushed, /of version/);
          else {
            await pushed;
            newest = { version, lets };
            assert.equal(one.may(), lets);
          }
          assert.equal(JSON.parse(kept.get('policy') ?? '').version, newest?.version);
        }
      }),
    );
  });
});
