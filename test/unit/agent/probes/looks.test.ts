import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { createServer as httpServer, type RequestListener } from 'node:http';
import { createServer as httpsServer } from 'node:https';
import { type AddressInfo, createServer as tcpServer } from 'node:net';
import { createSecureContext } from 'node:tls';
import { dnsLook } from '#agent/probes/dns.ts';
import { type HttpDeps, httpLook } from '#agent/probes/http.ts';
import { boundedLookup } from '#agent/probes/lookup.ts';
import { matcher } from '#agent/probes/matcher.ts';
import { tcpLook } from '#agent/probes/tcp.ts';
import { newKey, signAuthority, signServer } from '#provisioning/pki/sign.ts';
import { steadyClock } from '#shared/clock.ts';

const signal = () => AbortSignal.timeout(20_000);
const lookup = boundedLookup(2);
const ends: (() => void)[] = [];
after(() => {
  for (const end of ends) end();
});

async function listening(server: ReturnType<typeof tcpServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** A port on which nobody listens. */
async function closedPort(): Promise<number> {
  const server = tcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('a look by tcp', () => {
  it('is good where a connection is taken, and sends nothing', async () => {
    const { promise, resolve } = Promise.withResolvers<number>();
    const port = await listening(
      tcpServer((socket) => {
        let bytes = 0;
        socket.on('data', (chunk) => {
          bytes += chunk.length;
        });
        socket.on('error', () => {}).on('close', () => resolve(bytes));
      }),
    );
    assert.deepEqual(await tcpLook(`127.0.0.1:${port}`, lookup)(signal()), { ok: true });
    assert.equal(await promise, 0);
  });

  it('says why it is bad', async () => {
    const port = await closedPort();
    assert.deepEqual(await tcpLook(`127.0.0.1:${port}`, lookup)(signal()), { ok: false, why: 'connection refused' });
    assert.deepEqual(await tcpLook(`[::1]:${port}`, lookup)(signal()), { ok: false, why: 'connection refused' });
    const unknown = boundedLookup(1, (_name, _options, done) =>
      done(Object.assign(new Error('x'), { code: 'ENOTFOUND' }), []),
    );
    assert.deepEqual(await tcpLook('nobody.test:80', unknown)(signal()), { ok: false, why: 'the name is not known' });
  });

  it('looks names up by what it was given', async () => {
    const port = await listening(tcpServer((socket) => socket.destroy()));
    const here = boundedLookup(1, (name, _options, done) => {
      assert.equal(name, 'venti.test');
      done(null, [{ address: '127.0.0.1', family: 4 }]);
    });
    assert.deepEqual(await tcpLook(`venti.test:${port}`, here)(signal()), { ok: true });
  });
});

describe('names that are looked up', () => {
  it('are few at once, and each once for all who ask', () => {
    const under: { name: string; done: () => void }[] = [];
    const found: string[] = [];
    const bounded = boundedLookup(2, (name, _options, done) => {
      under.push({ name, done: () => done(null, [{ address: '192.0.2.1', family: 4 }]) });
    });
    const ask = (name: string) => bounded(name, {}, (_error, address) => void found.push(`${name} ${address}`));
    for (const name of ['a', 'a', 'b', 'c', 'a', 'c']) ask(name);
    assert.deepEqual(
      under.map(({ name }) => name),
      ['a', 'b'],
    );
    under[0]?.done();
    assert.deepEqual(found, Array(3).fill('a 192.0.2.1'));
    assert.deepEqual(
      under.map(({ name }) => name),
      ['a', 'b', 'c'],
    );
    under[2]?.done();
    assert.equal(found.length, 5);
  });
});

describe('a look by http', () => {
  const by = matcher(steadyClock);
  after(() => by.stop());
  const deps: HttpDeps = { lookup, matcher: by, context: () => undefined };
  const serve = async (answer: RequestListener): Promise<string> =>
    `http://127.0.0.1:${await listening(httpServer(answer))}/`;
  const look = (url: string, more: { status?: number; body?: string; insecure?: boolean } = {}, by = deps) =>
    httpLook({ status: 200, insecure: false, url, ...more }, by)(signal());

  it('is good for the status that is due, and says which it was', async () => {
    const url = await serve((request, response) => response.writeHead(request.url === '/sick' ? 503 : 200).end());
    assert.deepEqual(await look(url), { ok: true });
    assert.deepEqual(await look(`${url}sick`), { ok: false, why: 'status 503, and 200 is due' });
    assert.deepEqual(await look(`${url}sick`, { status: 503 }), { ok: true });
  });

  it('follows no redirect', async () => {
    const asked: string[] = [];
    const url = await serve((request, response) => {
      asked.push(request.url ?? '');
      response.writeHead(302, { location: '/there' }).end();
    });
    assert.deepEqual(await look(url), { ok: false, why: 'status 302, and 200 is due' });
    assert.deepEqual(asked, ['/']);
  });

  it('finds a pattern in the body', async () => {
    const url = await serve((_, response) => response.end('all is well: 7 of 7'));
    assert.deepEqual(await look(url, { body: 'well: (\\d) of \\1$' }), { ok: true });
    assert.deepEqual(await look(url, { body: 'ill' }), { ok: false, why: 'the body does not match' });
  });

  it('reads 64 KiB of a body that never ends', async () => {
    const gone = Promise.withResolvers<void>();
    const url = await serve((_, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(10_000)));
      };
      response.on('drain', more).on('close', gone.resolve);
      more();
    });
    assert.deepEqual(await look(url, { body: 'y' }), { ok: false, why: 'the body does not match' });
    await gone.promise;
    assert.deepEqual(await look(url, { body: '^x{65536}$' }), { ok: true });
  });

  it('says of what is no server of http, and of what is no URL', async () => {
    const refused = await look(`http://127.0.0.1:${await closedPort()}/`);
    assert.deepEqual(refused, { ok: false, why: 'connection refused' });
    const odd = await listening(tcpServer((socket) => socket.on('error', () => {}).end('SSH-2.0-x\r\n')));
    assert.match(JSON.stringify(await look(`http://127.0.0.1:${odd}/`)), /"ok":false,"why":".*Expected HTTP/);
    assert.match(JSON.stringify(await look('http://%zz@127.0.0.1/')), /"ok":false,"why":"URI malformed/);
    assert.deepEqual(await look('http://[/'), { ok: false, why: 'http://[/ is no URL' });
  });

  it('believes nobody but whom it is told to', async () => {
    const caKey = newKey();
    const key = newKey();
    const ca = await signAuthority('test', caKey);
    const cert = await signServer(['localhost'], key, ca, caKey);
    const port = await listening(httpsServer({ key, cert }, (_, response) => response.end()));
    const url = `https://localhost:${port}/`;
    const context = createSecureContext({ ca });
    assert.match(JSON.stringify(await look(url)), /"ok":false,"why":"its certificate is not to be trusted/);
    assert.deepEqual(await look(url, { insecure: true }), { ok: true });
    assert.deepEqual(await look(url, {}, { ...deps, context: () => context }), { ok: true });
    const other = await look(`https://127.0.0.1:${port}/`, {}, { ...deps, context: () => context });
    assert.deepEqual(other, { ok: false, why: 'its certificate is for another name' });
  });

  it('ends when its signal fires', async () => {
    const came = Promise.withResolvers<void>();
    const left = Promise.withResolvers<void>();
    const url = await serve((request) => {
      request.on('close', left.resolve);
      came.resolve();
    });
    const stop = new AbortController();
    const looked = httpLook({ status: 200, insecure: false, url }, deps)(stop.signal);
    await came.promise;
    stop.abort(new Error('enough'));
    await assert.rejects(looked, /enough/);
    await left.promise;
  });
});

describe('a look by dns', () => {
  /** Answers A for `venti.test`, nothing for `empty.test`, that there is no such name for all else. */
  async function nameServer(isSilent = false): Promise<string> {
    const socket = createSocket('udp4');
    socket.on('message', (question, { port, address }) => {
      if (isSilent) return;
      const name = question.subarray(12, question.indexOf(0, 12)).toString('latin1');
      const isA = question.readUInt16BE(question.indexOf(0, 12) + 1) === 1;
      const isThere = name.includes('venti') && isA;
      const reply = Buffer.from(question.subarray(0, question.indexOf(0, 12) + 5));
      reply.writeUInt16BE(name.includes('venti') || name.includes('empty') ? 0x8180 : 0x8183, 2);
      reply.writeUInt16BE(isThere ? 1 : 0, 6);
      reply.writeUInt16BE(0, 10);
      const answer = Buffer.from('c00c00010001000000010004c0000201', 'hex');
      socket.send(Buffer.concat(isThere ? [reply, answer] : [reply]), port, address);
    });
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    ends.push(() => socket.close());
    return `127.0.0.1:${socket.address().port}`;
  }

  it('is good where a name has an address, and says why it has none', async () => {
    const servers = [await nameServer()];
    assert.deepEqual(await dnsLook('venti.test', servers)(signal()), { ok: true });
    assert.deepEqual(await dnsLook('empty.test', servers)(signal()), { ok: false, why: 'the name has no address' });
    assert.deepEqual(await dnsLook('nobody.test', servers)(signal()), { ok: false, why: 'the name is not known' });
  });

  it('ends when its signal fires', async () => {
    const stop = new AbortController();
    const looked = dnsLook('venti.test', [await nameServer(true)])(stop.signal);
    stop.abort(new Error('enough'));
    await assert.rejects(looked, /enough/);
  });
});
