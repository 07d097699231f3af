import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import xml, { type Element } from '@xmpp/xml';
import { Failure } from '#shared/errors.ts';
import { StanzaError } from '#shared/xmpp/stanza-error.ts';
import { type Peer, ScriptedServer } from './scripted-server.ts';
import { ours, pki, type Recorded, stock } from './sides.ts';

const PEER = 'host1@skerry.test/agent';
const isIq = (element: Element): boolean => element.name === 'iq' && !element.getChild('bind');
const answer = (id: string | undefined, from: string | undefined, text: string): string =>
  `<iq type="result" id="${id}"${from ? ` from="${from}"` : ''}><said xmlns="urn:test">${text}</said></iq>`;
const question = (): Element => xml('q', { xmlns: 'urn:test' });

describe('IQs', () => {
  let server: ScriptedServer;
  let recorded: Recorded;
  let peer: Peer;

  const begin = async (): Promise<void> => {
    server = await ScriptedServer.start({ tls: (await pki()).context });
    recorded = await ours(server);
    await recorded.entity.start();
    peer = await server.peer();
  };
  afterEach(async () => {
    await recorded?.entity.stop();
    await server.stop();
  });

  describe('that we send', () => {
    it('stock: takes the answer of anybody who knows the id', async () => {
      server = await ScriptedServer.start();
      const { client } = stock(server);
      await client.start();
      peer = await server.peer();
      const request = client.iqCaller.request(xml('iq', { type: 'get', to: PEER, id: 'q1' }, question()));
      await peer.get((element) => element.attrs.id === 'q1');
      peer.send(answer('q1', 'eve@skerry.test/x', 'forged'));
      assert.equal((await request).getChildText('said'), 'forged');
      await client.stop();
    });

    it('ours: takes the answer of who was asked', async () => {
      await begin();
      const request = recorded.entity.request({ to: PEER, type: 'get', child: question() });
      const { id } = (await peer.get(isIq)).attrs;
      for (const from of [
        'eve@skerry.test/x',
        'host1@skerry.test',
        'host1@skerry.test/other',
        'skerry.test',
        undefined,
      ])
        peer.send(answer(id, from, 'forged'));
      peer.send(answer(id, 'HOST1@Skerry.Test/agent', 'true'));
      assert.equal((await request).getChildText('said'), 'true');
    });

    for (const from of [undefined, 'me@skerry.test', 'me@skerry.test/r', 'skerry.test'])
      it(`to the server: takes its answer from ${from}`, async () => {
        await begin();
        const request = recorded.entity.request({ type: 'get', child: question() });
        const sent = await peer.get(isIq);
        assert.equal(sent.attrs.to, undefined);
        peer.send(answer(sent.attrs.id, 'eve@skerry.test/x', 'forged'));
        peer.send(answer(sent.attrs.id, from, 'true'));
        assert.equal((await request).getChildText('said'), 'true');
      });

    for (const to of ['me@skerry.test', 'skerry.test'])
      it(`to ${to}: takes an answer without from`, async () => {
        await begin();
        const request = recorded.entity.request({ to, type: 'get', child: question() });
        peer.send(answer((await peer.get(isIq)).attrs.id, undefined, 'true'));
        assert.equal((await request).getChildText('said'), 'true');
      });

    it('fail with what the peer says', async () => {
      await begin();
      const request = recorded.entity.request({ to: PEER, type: 'set', child: question() });
      const { id } = (await peer.get(isIq)).attrs;
      peer.send(
        `<iq type="error" id="${id}" from="${PEER}"><error type="cancel"><conflict xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/><guest-exists xmlns="urn:skerry:failure:1" guest="venti"/></error></iq>`,
      );
      await assert.rejects(request, { condition: 'conflict', failure: 'guest-exists', details: { guest: 'venti' } });
    });

    it('fail where no answer comes in time, or who asked gives up', async () => {
      await begin();
      const late = recorded.entity.request({ to: PEER, type: 'get', child: question(), timeoutMs: 20 });
      await assert.rejects(late, { code: 'no-answer', details: { peer: PEER, timeoutS: 0.02 } });
      const abort = new AbortController();
      const given = recorded.entity.request({ to: PEER, type: 'get', child: question(), signal: abort.signal });
      abort.abort(new Failure('job-cancelled', { job: '1' }));
      await assert.rejects(given, { code: 'job-cancelled' });
      const never = recorded.entity.request({ to: PEER, type: 'get', child: question(), signal: AbortSignal.abort() });
      await assert.rejects(never, { name: 'AbortError' });
    });

    it('fail at once when there is no connection, and when the session is lost', async () => {
      await begin();
      const request = recorded.entity.request({ to: PEER, type: 'get', child: question() });
      await peer.get(isIq);
      const offline = recorded.status('offline');
      peer.cut();
      await assert.rejects(request, { code: 'not-connected' });
      await offline;
      const later = recorded.entity.request({ to: PEER, type: 'get', child: question() });
      await assert.rejects(later, { code: 'not-connected' });
    });

    it('go on when the session is resumed', async () => {
      const features = '<sm xmlns="urn:xmpp:sm:3"/>';
      const resumed = (): string => '<resumed xmlns="urn:xmpp:sm:3" previd="session-1" h="1"/>';
      server = await ScriptedServer.start({ tls: (await pki()).context, features, resumed });
      recorded = await ours(server);
      await recorded.entity.start();
      peer = await server.peer();
      const request = recorded.entity.request({ to: PEER, type: 'get', child: question() });
      const { id } = (await peer.get(isIq)).attrs;
      const back = recorded.status('resumed');
      peer.cut();
      await back;
      (await server.peer(2)).send(answer(id, PEER, 'late'));
      assert.equal((await request).getChildText('said'), 'late');
    });
  });

  describe('that come', () => {
    const ask = async (id: string, content = '<q xmlns="urn:test"/>', type = 'get'): Promise<Element> => {
      const answered = peer.next((element) => element.attrs.id === id);
      peer.send(`<iq type="${type}" id="${id}" from="${PEER}" to="me@skerry.test/r">${content}</iq>`);
      return answered;
    };
    const conditionOf = (element: Element): string | undefined =>
      element.getChild('error')?.getChildElements()[0]?.name;

    it('are answered by who serves them, with who asked', async () => {
      await begin();
      recorded.entity.serve('get', 'urn:test', 'q', ({ from, to, child }) =>
        xml('said', { xmlns: 'urn:test' }, `${from} ${to} ${child.name}`),
      );
      recorded.entity.serve('set', 'urn:test', 'q', async () => undefined);
      const got = await ask('i1');
      assert.deepEqual([got.attrs.type, got.attrs.to, got.attrs.from], ['result', PEER, 'me@skerry.test/r']);
      assert.equal(got.getChildText('said'), `${PEER} me@skerry.test/r q`);
      assert.equal((await ask('i2', undefined, 'set')).getChildElements().length, 0);
    });

    it('without from are from the own account', async () => {
      await begin();
      recorded.entity.serve('set', 'urn:test', 'q', ({ from, to }) =>
        xml('said', { xmlns: 'urn:test' }, `${from} ${to}`),
      );
      const answered = peer.next((element) => element.attrs.id === 'push');
      peer.send('<iq type="set" id="push"><q xmlns="urn:test"/></iq>');
      const got = await answered;
      assert.deepEqual([got.getChildText('said'), got.attrs.to], ['me@skerry.test me@skerry.test/r', undefined]);
    });

    it('and are known to nobody get service-unavailable', async () => {
      await begin();
      assert.equal(conditionOf(await ask('i1')), 'service-unavailable');
      assert.equal(conditionOf(await ask('i2', '<q xmlns="urn:other"/>', 'set')), 'service-unavailable');
    });

    it('and are malformed get bad-request', async () => {
      await begin();
      assert.equal(conditionOf(await ask('i1', '')), 'bad-request');
      assert.equal(conditionOf(await ask('i2', '<q xmlns="urn:test"/><q xmlns="urn:test"/>')), 'bad-request');
      assert.equal(conditionOf(await ask('i3', undefined, '__proto__')), 'bad-request');
    });

    it('and are no answer to anything are not answered', async () => {
      await begin();
      peer.send(`<iq type="error" id="x" from="${PEER}"><error type="cancel"/></iq>`);
      peer.send(answer('y', PEER, 'unasked'));
      await ask('last');
      assert.deepEqual(
        peer.received.filter(isIq).map((element) => element.attrs.id),
        ['last'],
      );
    });

    it('stock component: gets no answer where the handler throws and nobody listens for errors, and the program ends', async () => {
      server = await ScriptedServer.start({}, (accepted) => {
        accepted.onHeader = () => accepted.send(`<stream:stream ${COMPONENT_HEAD}>`);
        accepted.onElement = (element) => {
          if (element.name === 'handshake') accepted.send('<handshake/>');
          if (element.name !== 'message') return;
          accepted.send('<iq type="get" id="i1" from="a@b/c" to="c.skerry.test"><q xmlns="urn:test"/></iq>');
        };
      });
      const program = `
        const { component, xml } = (await import('@xmpp/component')).default;
        const entity = component({ service: 'xmpp://127.0.0.1:${server.port}', domain: 'c.skerry.test', password: 's' });
        entity.iqCallee.get('urn:test', 'q', () => { throw new Error('a bug'); });
        await entity.start();
        await entity.send(xml('message', { to: 'a@b' }));`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'ignore' });
      const [code] = await once(child, 'close');
      assert.equal(code, 1);
      peer = await server.peer();
      assert.deepEqual(peer.received.filter(isIq), []);
    });

    it('ours: get an error where the handler throws, and what is no Failure is told as a bug', async () => {
      await begin();
      const thrown: unknown[] = [
        new Failure('guest-not-found', { guest: 'venti', host: 'host1' }),
        new StanzaError('auth', 'forbidden', 'No.'),
        new Error('a secret'),
        undefined,
      ];
      recorded.entity.serve('get', 'urn:test', 'q', () => {
        throw thrown.shift();
      });
      recorded.entity.serve('get', 'urn:test', 'later', () => Promise.reject(new Error('a secret')));
      assert.equal(conditionOf(await ask('i1')), 'item-not-found');
      assert.equal(conditionOf(await ask('i2')), 'forbidden');
      assert.deepEqual(recorded.bugs, []);
      const bug = await ask('i3');
      assert.equal(conditionOf(bug), 'internal-server-error');
      assert.doesNotMatch(bug.toString(), /secret/);
      assert.equal(conditionOf(await ask('i4')), 'internal-server-error');
      assert.equal(conditionOf(await ask('i5', '<later xmlns="urn:test"/>')), 'internal-server-error');
      assert.equal(recorded.bugs.length, 3);
    });

    it('are answered over the next connection where the address is the same', async () => {
      await begin();
      const { promise, resolve } = Promise.withResolvers<undefined>();
      recorded.entity.serve('set', 'urn:test', 'q', () => promise);
      peer.send(`<iq type="set" id="i1" from="${PEER}" to="me@skerry.test/r"><q xmlns="urn:test"/></iq>`);
      const offline = recorded.status('offline');
      const online = recorded.status('online');
      peer.send('</stream:stream>');
      await offline;
      resolve(undefined);
      await online;
      const answered = await (await server.peer(2)).get((element) => element.attrs.id === 'i1');
      assert.equal(answered.attrs.type, 'result');
    });
  });
});

const COMPONENT_HEAD =
  'xmlns="jabber:component:accept" xmlns:stream="http://etherx.jabber.org/streams" id="s1" from="c.skerry.test"';
