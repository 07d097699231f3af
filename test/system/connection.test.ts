import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { client as stockClient } from '@xmpp/client';
import xml, { type Element } from '@xmpp/xml';
import { type ClientOptions, xmppClient } from '#shared/xmpp/connection/client.ts';
import { xmppComponent } from '#shared/xmpp/connection/component.ts';
import { LINK_TIMES } from '#shared/xmpp/connection/link.ts';
import type { Entity, Status } from '#shared/xmpp/entity.ts';
import { Relay } from './support/relay.ts';
import { type TestServer, testServer } from './support/server.ts';

const COMPONENT = 'central.skerry.test';
const SECRET = 'a-secret-of-sixteen-or-more';
const ACCOUNTS = ['host1', 'admin', 'old'];
const question = (id: string): Element => xml('do', { xmlns: 'urn:test', id });

describe('A connection to a real ejabberd', function () {
  this.timeout(120_000);
  let server: TestServer;
  const started: { stop(): Promise<unknown> }[] = [];
  const bugs: unknown[] = [];
  const lines: string[] = [];
  const say = (fields: object, line: string): void => void lines.push(`${line} ${JSON.stringify(fields)}`);
  const log = { debug: say, info: say, warn: say, error: say };
  const onBug = (error: unknown): void => void bugs.push(error);

  before(async () => {
    server = await testServer({ accounts: ACCOUNTS, components: { [COMPONENT]: SECRET } });
  });
  after(() => server.stop());
  afterEach(async function () {
    await Promise.all(started.splice(0).map((entity) => entity.stop()));
    assert.deepEqual(bugs.splice(0), []);
    if (this.currentTest?.state === 'failed') process.stderr.write(`${lines.join('\n')}\n`);
    lines.length = 0;
  });

  const make = (name: string, options: Partial<ClientOptions> = {}): Entity => {
    const service = { host: '127.0.0.1', port: server.xmpp.port };
    const entity = xmppClient({
      ...server.account(name),
      resource: 'agent',
      service,
      ca: server.ca,
      log,
      onBug,
      ...options,
    });
    started.push(entity);
    return entity;
  };
  const online = async (name: string, options?: Partial<ClientOptions>): Promise<Entity> => {
    const entity = make(name, options);
    await entity.start();
    return entity;
  };
  const through = (relay: Relay): Partial<ClientOptions> => {
    started.push(relay);
    return { service: { host: '127.0.0.1', port: relay.port } };
  };
  const next = (entity: Entity, word: Status['status'], problem = /^/): Promise<Status> =>
    new Promise((resolve) => {
      const away = entity.onStatus((status) => {
        if (status.status !== word || (status.status === 'offline' && !problem.test(status.problem))) return;
        away();
        resolve(status);
      });
    });
  const serveTest = (entity: Entity, handle: (id: string) => void = () => {}): void =>
    entity.serve('set', 'urn:test', 'do', ({ child }) => {
      handle(child.attrs.id ?? '');
      return question(child.attrs.id ?? '');
    });

  describe('logs in', () => {
    const answersTo = async (entity: Entity): Promise<void> => {
      const admin = await online('admin', { resource: 'asker' });
      serveTest(entity);
      const answer = await admin.request({ to: entity.fullJid, type: 'set', child: question('x') });
      assert.equal(answer.getChild('do')?.attrs.id, 'x');
    };

    it('by STARTTLS', async () => {
      const entity = await online('host1');
      assert.equal(entity.fullJid, 'host1@skerry.test/agent');
      await answersTo(entity);
    });

    it('by direct TLS, with the protocol named (ALPN)', async () => {
      const service = { host: '127.0.0.1', port: server.xmpp.directTlsPort, directTls: true };
      await answersTo(await online('host1', { service }));
      // Seen from the server's end of the same transport.
      const pem = await readFile(join(server.folder, 'pki/server.pem'), 'utf8');
      const relay = await Relay.to(server.xmpp.directTlsPort, pem);
      started.push(relay);
      make('old', { service: { ...service, port: relay.port } })
        .start()
        .catch(() => {});
      assert.deepEqual(await relay.asked.promise, { servername: 'skerry.test', protocols: ['xmpp-client'] });
    });

    it('by WebSocket over TLS', async () => {
      const pem = await readFile(join(server.folder, 'pki/server.pem'), 'utf8');
      const relay = await Relay.to(Number(new URL(server.xmpp.websocketUrl).port), pem);
      started.push(relay);
      const websocketUrl = `wss://127.0.0.1:${relay.port}/ws`;
      await answersTo(await online('host1', { service: { host: '', port: 0, websocketUrl } }));
      const untrusting = make('old', { service: { host: '', port: 0, websocketUrl }, ca: undefined });
      await assert.rejects(untrusting.start(), { code: 'tls-untrusted', message: /authority is not known/ });
    });

    it('by WebSocket on this machine', async () => {
      await answersTo(
        await online('host1', { service: { host: '', port: 0, websocketUrl: server.xmpp.websocketUrl } }),
      );
    });

    it('but not with a wrong password', async () => {
      await assert.rejects(make('host1', { password: 'wrong' }).start(), { code: 'login-refused' });
    });

    it('but not where the certificate is of an authority that it does not know', async () => {
      const service = { host: '127.0.0.1', port: server.xmpp.directTlsPort, directTls: true };
      await assert.rejects(make('host1', { ca: undefined }).start(), { code: 'tls-untrusted' });
      await assert.rejects(make('host1', { ca: undefined, service }).start(), { code: 'tls-untrusted' });
    });

    it('but not to a domain that the server does not serve', async () => {
      await assert.rejects(make('host1', { jid: 'host1@other.test' }).start(), {
        code: /login-refused|tls-untrusted/,
        message: /other\.test/,
      });
    });
  });

  describe('as a component', () => {
    const component = (secret = SECRET): Entity => {
      const service = { host: '127.0.0.1', port: server.componentPort };
      const entity = xmppComponent({ domain: COMPONENT, secret, service, log, onBug });
      started.push(entity);
      return entity;
    };

    it('logs in, asks and answers, with text that is whole', async () => {
      const entity = component();
      await entity.start();
      const admin = await online('admin', { resource: 'asker' });
      const text = 'Grüße, 東京, 🚀 '.repeat(4_000);
      for (const [side, other, from] of [
        [entity, admin, `venti@${COMPONENT}`],
        [admin, entity, undefined],
      ] as const) {
        other.serve('get', 'urn:test', 'echo', ({ child }) => xml('echo', { xmlns: 'urn:test' }, child.getText()));
        const child = xml('echo', { xmlns: 'urn:test' }, text);
        const answer = await side.request({ to: other.fullJid, from, type: 'get', child });
        assert.equal(answer.getChildText('echo'), text);
      }
    });

    it('is refused with a wrong secret', async () => {
      await assert.rejects(component('wrong').start(), { code: 'login-refused', message: /central\.skerry\.test/ });
    });
  });

  it('is resumed where its socket is destroyed, with nothing lost on either side', async () => {
    const relay = await Relay.to(server.xmpp.port);
    const host = await online('host1', through(relay));
    const admin = await online('admin', { resource: 'asker' });
    const heard: string[] = [];
    const told: string[] = [];
    host.onMessage((message) => void heard.push(message.attrs.id ?? ''));
    admin.onMessage((message) => void told.push(message.attrs.id ?? ''));
    const message = (to: Entity, id: string): Element => xml('message', { to: to.fullJid ?? '', type: 'chat', id });
    const adminJid = admin.fullJid ?? '';
    const hostJid = host.fullJid ?? '';
    const resumed = next(host, 'resumed');
    for (let n = 0; n < 50; n++) {
      void host.send(xml('message', { to: adminJid, type: 'chat', id: `h${n}` }), 'keep');
      void admin.send(message(host, `a${n}`), 'keep');
    }
    relay.cut();
    await resumed;
    serveTest(host);
    await admin.request({ to: hostJid, type: 'set', child: question('last') });
    serveTest(admin);
    await host.request({ to: adminJid, type: 'set', child: question('last') });
    const all = (letter: string): string[] => Array.from({ length: 50 }, (_, n) => `${letter}${n}`);
    assert.deepEqual(heard, all('a'));
    assert.deepEqual(told, all('h'));
  });

  it('that does not come back is told to be over after the time that it was asked to be kept', async function () {
    // Without the wish the server keeps a session for two minutes.
    this.timeout(60_000);
    const relay = await Relay.to(server.xmpp.port);
    const host = await online('host1', { service: { host: '127.0.0.1', port: relay.port }, resumeS: 1 });
    const admin = await online('admin', { resource: 'asker' });
    const hostJid = host.fullJid;
    const presences: string[] = [];
    const begun = Promise.withResolvers<void>();
    const over = Promise.withResolvers<void>();
    admin.onPresence(({ attrs: { from, type = 'available' } }) => {
      if (from !== hostJid) return;
      presences.push(type);
      (type === 'unavailable' ? over : begun).resolve();
    });
    await host.send(xml('presence'), 'refuse');
    await host.send(xml('presence', { to: admin.fullJid }), 'refuse');
    await begun.promise;
    const lost = next(host, 'offline');
    await relay.stop();
    await lost;
    await over.promise;
    assert.deepEqual(presences, ['available', 'unavailable']);
  });

  it('that goes dead without a word is found out, and resumed', async () => {
    const relay = await Relay.to(server.xmpp.port);
    const reconnect = { probeMs: 400, deadMs: 600, connectMs: 1_000, negotiateMs: 2_000 };
    const host = await online('host1', { ...through(relay), reconnect });
    const to = host.fullJid;
    const admin = await online('admin', { resource: 'asker' });
    let count = 0;
    serveTest(host, () => (count += 1));
    const silent = next(host, 'offline', /fell silent/);
    relay.die();
    const request = admin.request({ to, type: 'set', child: question('while dead') });
    await silent;
    const resumed = next(host, 'resumed');
    await next(host, 'offline'); // It tried, and the link is still dead.
    relay.revive();
    await resumed;
    assert.equal((await request).getChild('do')?.attrs.id, 'while dead');
    assert.equal(count, 1);
  });

  it('comes back when ejabberd was killed and started again, and sends what was kept', async () => {
    const host = await online('host1');
    const admin = await online('admin', { resource: 'asker' });
    const pending = assert.rejects(admin.request({ to: host.fullJid, type: 'set', child: question('x') }), {
      code: /not-connected|no-answer/,
    });
    host.serve('set', 'urn:test', 'do', () => new Promise(() => {})); // The answer never comes.
    const both = Promise.all([next(host, 'offline'), next(admin, 'offline')]);
    await server.kill9();
    await both;
    const heard = new Promise<Element>((resolve) => admin.onMessage(resolve));
    const waits: number[] = [];
    for (const entity of [host, admin])
      entity.onStatus((status) => status.status === 'offline' && waits.push(status.retryMs));
    const back = Promise.all([next(host, 'online'), next(admin, 'online')]);
    await server.start();
    await back;
    // Not the time that it took, which is also the machine's.
    assert.ok(waits.length > 0 && Math.max(...waits) <= LINK_TIMES.retryMsMax, waits.join());
    await host.send(xml('message', { to: admin.fullJid, type: 'chat', id: 'after' }), 'keep');
    assert.equal((await heard).attrs.id, 'after');
    await pending;
  });

  describe('6,000 IQs both ways with a resume in the middle', () => {
    const COUNT = 6_000;
    const CUT_AT = 3_500;
    const IN_FLIGHT = 50;

    /** Ask and be asked, cut the link of `host` in the middle; says how often each command was carried out by it. */
    const run = async (
      relay: Relay,
      host: {
        fullJid: string;
        ask(to: string, id: string): Promise<unknown>;
        serve(handle: (id: string) => void): void;
      },
    ): Promise<{ done: Map<string, number>; unanswered: number }> => {
      const admin = await online('admin', { resource: 'asker' });
      const done = new Map<string, number>();
      host.serve((id) => done.set(id, (done.get(id) ?? 0) + 1));
      serveTest(admin);
      let asked = 0;
      let unanswered = 0;
      const lane = async (): Promise<void> => {
        while (asked < COUNT) {
          const id = String(asked++);
          if (asked === CUT_AT) relay.cut();
          const to = host.fullJid;
          // Those that are refused while there is no connection were never sent.
          const outcomes = await Promise.allSettled([
            admin.request({ to, type: 'set', child: question(id), timeoutMs: 20_000 }),
            host.ask(admin.fullJid ?? '', id),
          ]);
          if (outcomes[0].status === 'rejected') unanswered += 1;
        }
      };
      await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
      return { done, unanswered };
    };

    it('stock: carries out commands twice', async () => {
      const relay = await Relay.to(server.xmpp.port);
      started.push(relay);
      const { password } = server.account('old');
      const client = stockClient({
        ...{ service: `xmpp://127.0.0.1:${relay.port}`, domain: 'skerry.test' },
        ...{ username: 'old', password, resource: 'agent' },
      });
      // It cannot be given a certificate authority of its own.
      const authorities = getCACertificates('default');
      after(() => setDefaultCACertificates(authorities));
      setDefaultCACertificates([server.ca]);
      client.on('error', () => {});
      await client.start();
      started.push(client);
      const ask = (to: string, id: string): Promise<unknown> =>
        client.iqCaller.request(xml('iq', { type: 'set', to }, question(id)), 3_000);
      const serve = (handle: (id: string) => void): void =>
        client.iqCallee.set('urn:test', 'do', ({ stanza }) => {
          handle(stanza.getChild('do')?.attrs.id ?? '');
          return question('answer');
        });
      const { done } = await run(relay, { fullJid: 'old@skerry.test/agent', ask, serve });
      assert.ok([...done.values()].some((times) => times > 1));
    });

    it('ours: carries out each once, and answers it', async () => {
      const relay = await Relay.to(server.xmpp.port);
      const host = await online('host1', through(relay));
      const statuses: string[] = [];
      host.onStatus(({ status }) => void statuses.push(status));
      const { done, unanswered } = await run(relay, {
        fullJid: host.fullJid ?? '',
        ask: (to, id) => host.request({ to, type: 'set', child: question(id) }),
        serve: (handle) => serveTest(host, handle),
      });
      assert.deepEqual(statuses, ['offline', 'resumed']);
      assert.equal(done.size, COUNT);
      assert.deepEqual(
        [...done.values()].filter((times) => times !== 1),
        [],
      );
      assert.equal(unanswered, 0);
    });
  });
});
