import assert from 'node:assert/strict';
import xml, { type Element } from '@xmpp/xml';
import { type AskOptions, ask } from '#cli/asking.ts';
import { Failure } from '#shared/errors.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import type { Entity, IqRequest } from '#shared/xmpp/entity.ts';
import { COMMANDS_NS, parseError, StanzaError } from '#shared/xmpp/stanza-error.ts';
import { UNDER_WAY_NS } from '#shared/xmpp/under-way.ts';
import { guestOf } from '#test/unit/support/guest.ts';
import { scene } from './scene.ts';

const FROM = 'op@skerry.test/cli';
const CENTRAL = { name: 'central', jid: 'central.skerry.test' };
const HOST1 = { name: 'host1', jid: 'host1@skerry.test' };
const GONE = new StanzaError('cancel', 'remote-server-not-found');

/** What becomes of a stanza on its way: it arrives, it is lost, it arrives and its answer is lost, or the server answers in place of the peer. */
type Fate = 'arrives' | 'lost' | 'answer lost' | StanzaError;

/** A person's command line, and an agent, with a wire between them that does to each stanza what the test says. */
function lossy(agent: ReturnType<typeof scene>, fate: (child: Element, nth: number) => Fate) {
  const asked: { what: string; operation: string | undefined }[] = [];
  const deliver = async (iq: IqRequest): Promise<Element> => {
    const { child, to = '', type } = iq;
    const what = child.getNS() ?? '';
    asked.push({ what, operation: operationIn(child) });
    const is = fate(child, asked.filter((each) => each.what === what).length);
    if (is instanceof StanzaError) throw is;
    if (is === 'lost') return until(iq);
    const answer = agent.entity.receives(xml('iq', { type, id: 'x', from: FROM, to }, child).toString());
    if (is === 'answer lost') return until(iq);
    return Promise.race([answer, until(iq)]).then((stanza) => {
      if (stanza.attrs.type === 'error') throw parseError(stanza);
      return stanza;
    });
  };
  const entity = { isOnline: true, request: deliver } as unknown as Entity;
  const times = (what: string): number => asked.filter((each) => each.what === what).length;
  return { entity, asked, times };
}

/** As a real connection: an answer that does not come fails when its time is over, or its signal fires. */
const until = ({ to = '', signal, timeoutMs = 30_000 }: IqRequest): Promise<never> =>
  new Promise((_, reject) => {
    const limit = setTimeout(() => reject(new Failure('no-answer', { peer: to, timeoutS: 0 })), timeoutMs).unref();
    signal?.addEventListener('abort', () => {
      clearTimeout(limit);
      reject(signal.reason);
    });
  });

const operationIn = (child: Element): string | undefined =>
  child.attrs.id ??
  child
    .getChild('x')
    ?.getChildren('field')
    .find((field) => field.attrs.var === 'operation')
    ?.getChildText('value') ??
  undefined;

const start = (entity: Entity, options: AskOptions = {}, host = CENTRAL) =>
  ask(
    entity,
    host,
    'guest.start',
    agentVerbs['guest.start'],
    { guest: 'venti' },
    { silenceMs: 20, pauseMs: 1, ...options },
  );

describe('a question whose answer does not come', () => {
  for (const lost of ['lost', 'answer lost'] as const)
    it(`is asked again as soon as it is known (${lost}), and has one effect`, async () => {
      const agent = scene();
      const { entity, asked, times } = lossy(agent, (child, nth) =>
        child.getNS() === COMMANDS_NS && nth === 1 ? lost : 'arrives',
      );
      const told: string[] = [];
      const { value } = await start(entity, { told: (text) => told.push(text) });
      assert.equal((value as { state: string }).state, 'running');
      assert.equal(times(COMMANDS_NS), 2);
      assert.equal(new Set(asked.map(({ operation }) => operation)).size, 1, 'one operation id in all that was asked');
      assert.deepEqual(agent.effects, ['start venti']);
      assert.match(told.join(), /central.skerry.test did not answer within 0 s. Asking again./);
    });

  it('is waited for while it is worked on, and what only reads is not run again', async () => {
    const agent = scene({
      handlers: {
        'guest.info': async () => {
          await known.promise;
          return guestOf('venti');
        },
      },
    });
    const known = Promise.withResolvers<void>();
    const { entity, times } = lossy(agent, (child, nth) => {
      // After some silences: it has an end only now.
      if (child.getNS() === UNDER_WAY_NS && nth === 4) known.resolve();
      return 'arrives';
    });
    const { value } = await ask(
      ...[entity, HOST1, 'guest.info', agentVerbs['guest.info'], { guest: 'venti' }],
      ...[{ silenceMs: 10 }],
    );
    assert.equal((value as { name: string }).name, 'venti');
    assert.ok(times(UNDER_WAY_NS) >= 4);
    assert.equal(times(COMMANDS_NS), 1);
    assert.equal(agent.calls.length, 1);
    assert.equal(agent.audit.length, 1, 'to ask how it stands leaves no record');
  });

  it('is asked again when whoever had it is back, though that takes more tries than else', async () => {
    for (const host of [CENTRAL, HOST1]) {
      const agent = scene();
      const { entity, times } = lossy(agent, (child, nth) => {
        if (child.getNS() !== COMMANDS_NS) return GONE;
        return nth === 1 ? 'lost' : nth < 6 ? GONE : 'arrives';
      });
      await start(entity, {}, host);
      assert.equal(times(COMMANDS_NS), 6, host.name);
      assert.deepEqual(agent.effects, ['start venti']);
    }
  });

  it('is given up when its time is over and nobody came back', async () => {
    const { entity } = lossy(scene(), (child, nth) => (child.getNS() === COMMANDS_NS && nth === 1 ? 'lost' : GONE));
    const failure = await start(entity, { timeoutMs: 200 }).catch((error) => error);
    assert.equal((failure as Failure).code, 'host-unreachable');
    assert.match((failure as Failure).message, /may still take effect: to find out, try again with --operation/);
  });

  it('is waited for where the peer is too old to say, and is there', async () => {
    const known = Promise.withResolvers<void>();
    const agent = scene({ handlers: { 'guest.info': () => known.promise.then(() => guestOf('venti')) } });
    const { entity, times } = lossy(agent, (child) => {
      if (child.getNS() === UNDER_WAY_NS) return new StanzaError('cancel', 'service-unavailable');
      if (child.getNS() === 'urn:xmpp:ping') setTimeout(known.resolve, 100);
      return 'arrives';
    });
    await ask(entity, HOST1, 'guest.info', agentVerbs['guest.info'], { guest: 'venti' }, { silenceMs: 10 });
    assert.deepEqual([times(COMMANDS_NS), times(UNDER_WAY_NS), times('urn:xmpp:ping')], [1, 1, 1]);
  });

  it('is none of others: what they have under way is not told', async () => {
    const known = Promise.withResolvers<void>();
    const agent = scene({ handlers: { 'guest.info': () => known.promise.then(() => guestOf('venti')) } });
    const command = `<iq type="set" id="1" from="${FROM}" to="host1@skerry.test/agent">
      <command xmlns="${COMMANDS_NS}" node="urn:skerry:verb:1#guest.info" action="execute"><x xmlns="jabber:x:data" type="submit">
      <field var="FORM_TYPE" type="hidden"><value>urn:skerry:verb:1#guest.info</value></field>
      <field var="operation"><value>mine</value></field><field var="guest"><value>venti</value></field></x></command></iq>`;
    const answer = agent.entity.receives(command);
    const isOwed = async (from: string, attrs = 'id="mine"'): Promise<string | undefined> => {
      const query = `<operation xmlns="${UNDER_WAY_NS}" ${attrs}/>`;
      const told = await agent.entity.receives(
        `<iq type="get" id="2" from="${from}" to="host1@skerry.test/agent">${query}</iq>`,
      );
      return told.getChild('operation')?.attrs['under-way'] ?? parseError(told).failure;
    };
    assert.equal(await isOwed(FROM), 'true');
    assert.equal(await isOwed('op@skerry.test/other'), 'false');
    assert.equal(await isOwed('eve@skerry.test/cli'), 'false');
    assert.equal(await isOwed(FROM, 'id="another"'), 'false');
    assert.equal(await isOwed(FROM, ''), 'bad-argument');
    known.resolve();
    await answer;
    assert.equal(await isOwed(FROM), 'false');
  });
});
