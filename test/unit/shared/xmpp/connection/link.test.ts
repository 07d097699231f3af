import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { mock } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import xml, { type Element } from '@xmpp/xml';
import type { Status } from '#shared/xmpp/entity.ts';
import { type Peer, type Script, ScriptedServer, SM_NS } from './scripted-server.ts';
import { ours, pki, type Recorded, stock } from './sides.ts';

const features = `<sm xmlns="${SM_NS}"/>`;
const message = (id: string): Element => xml('message', { to: 'a@skerry.test', id }, xml('body', {}, id));
const retryMsOf = (status: Status): number => (status.status === 'offline' ? status.retryMs : -1);

const PROBE_MS = 40;

describe('The link', () => {
  let server: ScriptedServer;
  let recorded: Recorded | undefined;

  const begin = async (script: Script = {}, options: Parameters<typeof ours>[1] = {}): Promise<Peer> => {
    server = await ScriptedServer.start({ tls: (await pki()).context, ...script });
    recorded = await ours(server, options);
    await recorded.entity.start();
    return server.peer();
  };
  afterEach(async () => {
    await recorded?.entity.stop();
    recorded = undefined;
    await server.stop();
  });

  describe('with something to send while there is no connection', () => {
    it('stock: throws', async () => {
      server = await ScriptedServer.start();
      const { client } = stock(server);
      client.reconnect.stop();
      await client.start();
      const gone = once(client, 'disconnect');
      (await server.peer()).cut();
      await gone;
      await assert.rejects(client.send(message('m')), TypeError);
    });

    it('ours: keeps, drops or refuses it, as it was told', async () => {
      const first = await begin();
      const { entity, status } = recorded as Recorded;
      const offline = status('offline');
      const online = status('online');
      first.cut();
      await offline;
      await entity.send(message('kept 1'), 'keep');
      await entity.send(message('dropped'), 'drop');
      await assert.rejects(entity.send(message('refused'), 'refuse'), { code: 'not-connected' });
      await entity.send(message('kept 2'), 'keep');
      await online;
      await entity.send(message('last'), 'refuse');
      const peer = await server.peer(2);
      await peer.get((element) => element.attrs.id === 'last');
      const messages = peer.received.filter((element) => element.name === 'message');
      assert.deepEqual(
        messages.map((element) => element.attrs.id),
        ['kept 1', 'kept 2', 'last'],
      );
      assert.deepEqual(
        messages.map((element) => element.getChild('delay', 'urn:xmpp:delay') !== undefined),
        [true, true, false],
      );
    });

    it('ours: keeps the newest thousand, and says that it forgot', async () => {
      const lines: string[] = [];
      const say = (_: object, line: string): void => void lines.push(line);
      const first = await begin({}, { log: { debug() {}, info() {}, warn: say, error: say } });
      const { entity, status } = recorded as Recorded;
      const offline = status('offline');
      const online = status('online');
      first.cut();
      await offline;
      for (let n = 0; n < 1_005; n++) void entity.send(message(String(n)), 'keep');
      await online;
      const peer = await server.peer(2);
      await peer.get((element) => element.attrs.id === '1004');
      const ids = peer.received.filter((element) => element.name === 'message').map((element) => element.attrs.id);
      assert.deepEqual([ids.length, ids[0]], [1_000, '5']);
      assert.ok(lines.includes('outbox full, oldest stanzas forgotten'));
      assert.ok(lines.includes('stanzas were lost while offline'));
    });
  });

  for (const [name, offered] of [
    ['stream management', features],
    ['ping, where there is no stream management', ''],
  ] as const)
    it(`that fell silent is asked by ${name}, and then given up`, async () => {
      const peer = await begin({ features: offered }, { reconnect: { probeMs: 60, deadMs: 60, retryMsMin: 5 } });
      const { status } = recorded as Recorded;
      const asked = peer.next((element) => element.is('r', SM_NS) || element.getChild('ping') !== undefined);
      const offline = status('offline');
      const online = status('online');
      await asked;
      const told = await offline;
      assert.match(told.status === 'offline' ? told.problem : '', /fell silent/);
      await online;
    });

  it('that answers is not given up', async () => {
    let now = performance.now();
    const clock = mock.method(performance, 'now', () => now);
    try {
      const peer = await begin({ features }, { reconnect: { probeMs: PROBE_MS, deadMs: PROBE_MS } });
      const { entity, statuses } = recorded as Recorded;
      for (let n = 0; n < 5; n++) {
        const asked = peer.next((element) => element.is('r', SM_NS));
        now += PROBE_MS + 1;
        await asked;
        const heard = new Promise((resolve) => entity.onMessage(resolve));
        peer.send(`<a xmlns="${SM_NS}" h="0"/><message from="a@skerry.test" id="m${n}"/>`);
        await heard;
        // It looks ten times in so long: at least once since it heard.
        await pause(PROBE_MS / 5);
      }
      assert.deepEqual(
        statuses.map(({ status }) => status),
        ['online'],
      );
    } finally {
      clock.mock.restore();
    }
  });

  it('that answered while the program stood still, for longer than an answer is waited for, is not given up', async () => {
    const peer = await begin({ features }, { reconnect: { probeMs: 40, deadMs: 600 } });
    let asked = 0;
    const enough = new Promise<void>((resolve) => {
      peer.onElement = (element) => {
        if (!element.is('r', SM_NS)) return;
        asked += 1;
        if (asked === 2) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
        peer.send(`<a xmlns="${SM_NS}" h="0"/>`);
        if (asked === 5) resolve();
      };
    });
    await enough;
    assert.deepEqual(
      recorded?.statuses.map(({ status }) => status),
      ['online'],
    );
  });

  it('waits longer each time with a server that ends every session at once', async () => {
    const first = await begin({}, { reconnect: { retryMsMin: 4, retryMsMax: 64 } });
    const { statuses, status } = recorded as Recorded;
    first.cut();
    while (statuses.filter((told) => told.status === 'offline').length < 8) {
      await status('online');
      server.peers.at(-1)?.cut();
      await status('offline');
    }
    const waits = statuses.filter((told) => told.status === 'offline').map(retryMsOf);
    for (const [n, wait] of waits.entries()) {
      const bound = Math.min(64, 4 * 2 ** n);
      assert.ok(wait <= bound && wait >= Math.floor(bound / 10), `wait ${n} of ${wait} ms, bound ${bound} ms`);
    }
    assert.ok(new Set(waits.slice(4)).size > 1, 'they are not all the same');
  });

  it('is slow to take its address back from another session', async () => {
    const first = await begin(
      {},
      { reconnect: { slowRetryMsMin: 100, slowRetryMsMax: 100, retryMsMin: 1, retryMsMax: 1 } },
    );
    const { status } = recorded as Recorded;
    const offline = status('offline');
    first.send('<stream:error><conflict xmlns="urn:ietf:params:xml:ns:xmpp-streams"/></stream:error>');
    assert.ok(retryMsOf(await offline) >= 10);
  });

  it('is not slower to do so for a server that was away for long before', async () => {
    const reconnect = { slowRetryMsMin: 100, slowRetryMsMax: 60_000, retryMsMin: 1, retryMsMax: 1 };
    await begin({}, { reconnect });
    const { status } = recorded as Recorded;
    for (let n = 0; n < 8; n++) {
      const online = status('online');
      server.peers.at(-1)?.cut();
      await online;
    }
    const offline = status('offline');
    server.peers.at(-1)?.send('<stream:error><conflict xmlns="urn:ietf:params:xml:ns:xmpp-streams"/></stream:error>');
    assert.ok(retryMsOf(await offline) <= 100);
  });

  it('is not ended by what an earlier connection left behind', async () => {
    const first = await begin({}, { reconnect: { retryMsMin: 5, probeMs: PROBE_MS, deadMs: 60_000 } });
    const { status, statuses } = recorded as Recorded;
    const online = status('online');
    // It is left open on this side: the stock library would wait for closing words, then close what is connected by then.
    first.send('<stream:error><reset xmlns="urn:ietf:params:xml:ns:xmpp-streams"/></stream:error>');
    await online;
    const second = await server.peer(2);
    for (let n = 0; n < 5; n++) {
      const ping = await second.next((element) => element.getChild('ping') !== undefined);
      second.send(`<iq type="result" id="${ping.attrs.id}"/>`);
    }
    assert.deepEqual(
      statuses.map((told) => told.status),
      ['online', 'offline', 'online'],
    );
  });

  it('tells a listener that throws, or rejects, as a bug, and goes on', async () => {
    const peer = await begin();
    const { entity, bugs } = recorded as Recorded;
    entity.onMessage(() => {
      throw new Error('a bug');
    });
    entity.onMessage((async () => Promise.reject(new Error('a later bug'))) as () => void);
    const heard = new Promise<Element>((resolve) => entity.onMessage(resolve));
    peer.send('<message from="a@skerry.test" id="m1"/>');
    assert.equal((await heard).attrs.id, 'm1');
    await new Promise(setImmediate);
    assert.deepEqual(bugs.map(String).sort(), ['Error: a bug', 'Error: a later bug']);
  });

  it('drops a server that talks nonsense', async () => {
    for (const nonsense of ['</x>', 'HTTP/1.1 400 Bad Request\r\n\r\n<html></body>', '<a></b>', '\u0000\u0001']) {
      const peer = await begin();
      const { status } = recorded as Recorded;
      const back = status('online');
      peer.send(nonsense);
      peer.cut();
      await back;
      await recorded?.entity.stop();
      await server.stop();
    }
    server = await ScriptedServer.start({}, (peer) => peer.send('</x><y/>'));
    const other = await ours(server);
    const offline = other.status('offline');
    const started = assert.rejects(other.entity.start(), { code: 'not-connected' });
    const told = await offline;
    assert.match(told.status === 'offline' ? told.problem : '', /cannot be (read|reached)/);
    await other.entity.stop();
    await started;
  });

  describe('when it stops', () => {
    it('says goodbye, and stays away', async () => {
      const peer = await begin({ features });
      const { entity, statuses } = recorded as Recorded;
      const ack = peer.next((element) => element.is('a', SM_NS));
      const request = assert.rejects(entity.request({ type: 'get', child: xml('q') }), { code: 'not-connected' });
      await entity.stop();
      await request;
      assert.equal((await ack).attrs.h, '0');
      assert.equal(entity.isOnline, false);
      assert.equal(entity.fullJid, undefined);
      assert.equal(server.peers.length, 1);
      assert.deepEqual(
        statuses.map((told) => told.status),
        ['online'],
      );
      await entity.stop();
    });

    it('can be started again', async () => {
      await begin();
      const { entity } = recorded as Recorded;
      await assert.rejects(entity.start(), /started before/);
      await entity.stop();
      await entity.start();
      assert.equal(entity.isOnline, true);
    });

    it('does so also while it connects, and while it waits', async () => {
      server = await ScriptedServer.start({}, () => {}); // It takes connections and says nothing.
      const { entity } = await ours(server);
      const started = assert.rejects(entity.start(), { code: 'not-connected' });
      await server.peer();
      await entity.stop();
      await started;

      const waiting = await ours(server, { reconnect: { retryMsMin: 60_000, retryMsMax: 60_000 } });
      const offline = waiting.status('offline');
      const second = assert.rejects(waiting.entity.start(), { code: 'not-connected' });
      (await server.peer(2)).cut();
      await offline;
      await waiting.entity.stop();
      await second;
    });

    it('does so where the server does not answer the goodbye', async () => {
      const peer = await begin({ features });
      peer.socket.pause();
      await recorded?.entity.stop();
    });

    for (const when of ['online', 'connecting', 'refused'])
      it(`leaves nothing that keeps the program: ${when}`, async () => {
        const { context, ca } = await pki();
        const script = { tls: context, features, password: when === 'refused' ? 'other' : 'secret' };
        server = await ScriptedServer.start(script, when === 'connecting' ? () => {} : undefined);
        const program = `
          const { xmppClient } = await import('#shared/xmpp/connection/client.ts');
          const log = { debug() {}, info() {}, warn() {}, error() {} };
          const service = { host: '127.0.0.1', port: ${server.port} };
          const entity = xmppClient({ jid: 'me@skerry.test', password: 'secret', service, ca: ${JSON.stringify(ca)}, log, onBug: console.error });
          const started = entity.start().catch((error) => console.log(error.code));
          ${when === 'connecting' ? 'await new Promise((resolve) => setTimeout(resolve, 100));' : 'await started;'}
          await entity.stop();
          await new Promise(setImmediate);
          console.log(JSON.stringify(process.getActiveResourcesInfo()));`;
        const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        let said = '';
        child.stdout.on('data', (data) => (said += data));
        const [code] = await once(child, 'close');
        assert.equal(code, 0);
        assert.doesNotMatch(said, /Timeout/); // A socket that closes would be seen by the program not ending.
        assert.match(
          said,
          { online: /^\[/, connecting: /^not-connected\n\[/, refused: /^login-refused\n\[/ }[when] as RegExp,
        );
      });
  });

  it('waits for a server that is not there yet', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const { port } = holder.address() as { port: number };
    await new Promise((resolve) => holder.close(resolve));
    server = await ScriptedServer.start({ tls: (await pki()).context });
    recorded = await ours(server, { service: { host: '127.0.0.1', port } });
    const told = recorded.status('offline');
    const started = recorded.entity.start();
    const offline = await told;
    assert.match(offline.status === 'offline' ? offline.problem : '', /cannot be reached: .*ECONNREFUSED/);
    const late = await ScriptedServer.start({ tls: (await pki()).context }, undefined, port);
    await started;
    await recorded.entity.stop();
    await late.stop();
  });
});
