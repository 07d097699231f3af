import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import { promisify } from 'node:util';
import { ScriptedServer } from './scripted-server.ts';
import { ours, pki, stock } from './sides.ts';

const run = promisify(execFile);

/** A certificate that signed itself, made with these words of `openssl x509`. */
async function selfSigned(name: string, days: number): Promise<{ ca: string; context: SecureContext }> {
  const folder = await mkdtemp(join(tmpdir(), 'skerry-cert-'));
  const at = (file: string): string => join(folder, file);
  try {
    await run('openssl', ['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', at('key')]);
    await run('openssl', ['req', '-new', '-key', at('key'), '-subj', `/CN=${name}`, '-out', at('csr')]);
    await writeFile(at('ext'), `subjectAltName=DNS:${name.replaceAll(' ', '-')}\n`);
    const files = ['-in', at('csr'), '-signkey', at('key'), '-out', at('crt'), '-extfile', at('ext')];
    await run('openssl', ['x509', '-req', '-days', `${days}`, ...files]);
    const [cert, key] = await Promise.all([readFile(at('crt'), 'utf8'), readFile(at('key'), 'utf8')]);
    return { ca: cert, context: createSecureContext({ cert, key }) };
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe('Login', () => {
  let server: ScriptedServer;
  afterEach(() => server.stop());

  describe('to a server without TLS', () => {
    it('stock: goes on in the clear', async () => {
      server = await ScriptedServer.start();
      const { client } = stock(server);
      await client.start();
      assert.match((await server.peer()).clear, /<auth .*SCRAM-SHA-1/);
      await client.stop();
    });

    it('ours: sends nothing but the head of the stream', async () => {
      server = await ScriptedServer.start();
      const { entity } = await ours(server);
      await assert.rejects(entity.start(), {
        code: 'tls-missing',
        message: /^The XMPP server at xmpp:.*offers no TLS/,
      });
      assert.match((await server.peer()).clear, /^<\?xml[^>]*><stream:stream [^>]*to="skerry\.test"[^>]*>$/);
      assert.equal(server.peers.length, 1, 'it does not try again by itself');
    });

    it('ours: nor does it where TLS is expected from the first byte', async () => {
      server = await ScriptedServer.start();
      const talker = createServer((socket: Socket) => socket.end("<?xml version='1.0'?><stream:stream xmlns='a'>"));
      await new Promise<void>((resolve) => talker.listen(0, '127.0.0.1', resolve));
      const { port } = talker.address() as { port: number };
      const other = await ours(server, { service: { host: '127.0.0.1', port, directTls: true } });
      await assert.rejects(other.entity.start(), { code: 'tls-missing' });
      talker.close();
    });

    it('ours: nor over WebSocket to another machine', async () => {
      server = await ScriptedServer.start();
      const service = { host: '', port: 0, websocketUrl: 'ws://xmpp.skerry.test/ws' };
      await assert.rejects(ours(server, { service }), { code: 'tls-missing' });
    });
  });

  describe('with a stanza from somebody in the middle, before TLS', () => {
    const beforeTls = '<iq type="set" id="evil" from="admin@skerry.test/x"><do xmlns="urn:test"/></iq>';
    it('stock: obeys it', async () => {
      server = await ScriptedServer.start({ beforeTls, tls: (await pki()).context });
      const { client } = stock(server);
      let done = 0;
      client.iqCallee.set('urn:test', 'do', () => {
        done += 1;
        return true;
      });
      client.reconnect.stop();
      await client.start().catch(() => {}); // Its trust in our certificate authority is not what this is about.
      assert.equal(done, 1);
    });

    it('ours: does not', async () => {
      server = await ScriptedServer.start({ beforeTls, tls: (await pki()).context });
      const { entity } = await ours(server);
      let done = 0;
      entity.serve('set', 'urn:test', 'do', () => {
        done += 1;
        return undefined;
      });
      await entity.start();
      assert.equal(done, 0);
      await entity.stop();
    });
  });

  describe('with a certificate', () => {
    const refused = async (context: SecureContext, ca: string | undefined, problem: RegExp): Promise<void> => {
      server = await ScriptedServer.start({ tls: context });
      const { entity } = await ours(server, { ca });
      await assert.rejects(entity.start(), { code: 'tls-untrusted', message: problem });
      assert.doesNotMatch((await server.peer()).clear, /<auth/);
    };

    it('of an unknown authority: says so', async () => {
      const { ca } = await selfSigned('other authority', 5);
      await refused((await pki()).context, ca, /its certificate authority is not known/);
    });
    it('of an authority that is not of the public ones, where no other is given: says so', async () =>
      refused((await pki()).context, undefined, /its certificate authority is not known/));
    it('for another name: says which', async () => {
      const { ca, context } = await selfSigned('other.test', 5);
      await refused(context, ca, /for another name: .*skerry\.test.*other\.test/);
    });
    it('that has run out: says so', async () => {
      const { ca, context } = await selfSigned('skerry.test', -1);
      await refused(context, ca, /it has expired/);
    });
  });

  describe('by SCRAM', () => {
    it('with a wrong password is refused, and that is final', async () => {
      server = await ScriptedServer.start({ tls: (await pki()).context });
      const { entity } = await ours(server, { password: 'wrong' });
      await assert.rejects(entity.start(), { code: 'login-refused', message: /me@skerry\.test: not-authorized/ });
      assert.equal(server.peers.length, 1);
    });

    for (const mechanism of ['SCRAM-SHA-1', 'SCRAM-SHA-256'] as const) {
      it(`ours: has ${mechanism}`, async () => {
        server = await ScriptedServer.start({ tls: (await pki()).context, mechanism });
        const { entity } = await ours(server);
        await entity.start();
        await entity.stop();
      });
    }
    it('stock: has no SCRAM-SHA-256', async () => {
      server = await ScriptedServer.start({ mechanism: 'SCRAM-SHA-256' });
      const { client, errors } = stock(server);
      client.reconnect.stop();
      const failed = new Promise((resolve) => client.once('error', resolve));
      void client.start().catch(() => {});
      assert.match(String(await failed), /No compatible mechanism/);
      assert.equal(errors.length > 0, true);
      await client.stop();
    });

    it('stock: believes a server that does not know the password', async () => {
      server = await ScriptedServer.start({ proof: (right) => createHash('sha1').update(right).digest('base64') });
      const { client } = stock(server);
      await client.start();
      await client.stop();
    });
    it('ours: does not', async () => {
      const { context } = await pki();
      server = await ScriptedServer.start({
        tls: context,
        proof: (right) => createHash('sha1').update(right).digest('base64'),
      });
      const { entity } = await ours(server);
      await assert.rejects(entity.start(), { code: 'login-refused', message: /could not prove that it knows/ });
    });
    it('ours: asks for a sound number of iterations', async () => {
      server = await ScriptedServer.start({ tls: (await pki()).context, iterations: 1 });
      const { entity } = await ours(server);
      await assert.rejects(entity.start(), { code: 'login-refused', message: /1 iterations are not acceptable/ });
    });

    /** Each of the thousands of rounds of SCRAM as a call of WebCrypto is what makes it dear: 79 ms of CPU a login. */
    const webCryptoCalls = async (start: () => Promise<unknown>): Promise<number> => {
      const { subtle } = globalThis.crypto;
      const sign = subtle.sign.bind(subtle);
      let calls = 0;
      subtle.sign = (...args) => {
        calls += 1;
        return sign(...args);
      };
      try {
        await start();
      } finally {
        Reflect.deleteProperty(subtle, 'sign');
      }
      return calls;
    };
    it('stock: calls WebCrypto once a round', async () => {
      server = await ScriptedServer.start({ iterations: 4096 });
      const { client } = stock(server);
      assert.ok((await webCryptoCalls(() => client.start())) >= 4096);
      await client.stop();
    });
    it('ours: does all rounds in one call, beside the program', async () => {
      server = await ScriptedServer.start({ tls: (await pki()).context, iterations: 200_000 });
      const { entity } = await ours(server);
      let turns = 0;
      const peer = server.peer();
      const started = webCryptoCalls(() => entity.start());
      await (await peer).get((element) => element.name === 'auth');
      const turn = setInterval(() => (turns += 1));
      await (await peer).get((element) => element.name === 'response');
      clearInterval(turn);
      assert.equal(await started, 0);
      assert.ok(turns > 3, `the program came round ${turns} times meanwhile`);
      await entity.stop();
    });
  });

  it('that is refused later is tried again, slowly and not in silence', async () => {
    server = await ScriptedServer.start({ tls: (await pki()).context });
    const lines: object[] = [];
    const log = { debug() {}, info() {}, warn() {}, error: (fields: object) => void lines.push(fields) };
    const { entity, status } = await ours(server, { log });
    await entity.start();
    Object.assign(server.script, { password: 'changed' });
    (await server.peer()).cut();
    await status('offline');
    const refused = await status('offline');
    assert.match(refused.status === 'offline' ? refused.problem : '', /did not accept me@skerry\.test/);
    assert.partialDeepStrictEqual(lines, [{ code: 'login-refused' }]);
    const online = status('online');
    Object.assign(server.script, { password: 'secret' });
    await online;
    await entity.stop();
  });

  it('goes nowhere else when the server says so', async () => {
    const elsewhere = await ScriptedServer.start();
    server = await ScriptedServer.start({ tls: (await pki()).context });
    const { entity, status } = await ours(server);
    await entity.start();
    const offline = status('offline');
    const online = status('online');
    (await server.peer()).send(
      `<stream:error><see-other-host xmlns="urn:ietf:params:xml:ns:xmpp-streams">127.0.0.1:${elsewhere.port}</see-other-host></stream:error>`,
    );
    const told = await offline;
    assert.match(told.status === 'offline' ? told.problem : '', /see-other-host/);
    await online;
    assert.equal(elsewhere.peers.length, 0);
    await entity.stop();
    await elsewhere.stop();
  });

  it('tells of an account that is none', async () => {
    server = await ScriptedServer.start();
    await assert.rejects(ours(server, { jid: 'skerry.test' }), { code: 'config-invalid', message: /name@domain/ });
  });
});
