import assert from 'node:assert/strict';
import { createServer as httpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { type Session, startSession } from '#agent/exec/session.ts';
import type { Verdict } from '#agent/probes/look.ts';
import { type Lookers, lookers } from '#agent/probes/lookers.ts';
import { type Clock, steadyClock } from '#shared/clock.ts';
import type { ReadyTest } from '#shared/model/chain-ready.ts';
import { HostLook } from '#shared/model/network.ts';

const leg = (dns: readonly string[] = []): HostLook =>
  HostLook.parse({ network: 'grid', mac: '06:53:00:fe:00:01', addresses: ['10.99.255.254/16'], dns });

/** Lookers whose processes are here, with the legs that a test gives and takes. */
function stage({ clock = steadyClock, program }: { clock?: Clock; program?: [string, ...string[]] } = {}) {
  const legs = new Map<string, HostLook>([['grid', leg()]]);
  const sessions: Session[] = [];
  const by: Lookers = lookers({
    ...{ host: 'host1', clock },
    legOn: (network) => legs.get(network),
    enterLook: (_network, [file = '', ...args]) => program ?? [file, ...args],
    startSession: (options) => {
      const session = startSession(options);
      sessions.push(session);
      return session;
    },
  });
  const look = (test: object, network = 'grid', signal = AbortSignal.timeout(20_000)): Promise<Verdict> =>
    by.lookFrom(network, test as ReadyTest)(signal);
  return { by, legs, sessions, look };
}

describe('looks from a network', function () {
  this.timeout(60_000);
  const ends: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
  });
  const staged = (...options: Parameters<typeof stage>) => {
    const made = stage(...options);
    ends.push(() => made.by.stop());
    return made;
  };
  const listening = async (server: Server): Promise<number> => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ends.push(() => server.close());
    return (server.address() as AddressInfo).port;
  };

  it('are had by one process, and say what is wrong', async () => {
    const { by, sessions, look } = staged();
    const port = await listening(createServer((socket) => socket.destroy()));
    const web = await listening(httpServer((_request, response) => response.writeHead(503).end('no')));
    const [tcp, http, closed, name, dns] = await Promise.all([
      look({ tcp: `127.0.0.1:${port}` }),
      look({ http: { url: `http://127.0.0.1:${web}/`, status: 200, insecure: false } }),
      look({ tcp: '127.0.0.1:1' }),
      look({ tcp: 'venti.grid:80' }),
      look({ dns: 'venti.grid' }),
    ]);
    assert.deepEqual(tcp, { ok: true });
    assert.deepEqual(http, { ok: false, why: 'status 503, and 200 is due' });
    assert.deepEqual(closed, { ok: false, why: 'connection refused' });
    assert.equal(name.ok, false, 'names are asked of name servers of the network, and there are none');
    assert.deepEqual(dns, { ok: false, why: 'there is no name server to ask on that network' });
    assert.equal(sessions.length, 1);
    assert.deepEqual(by.running, ['grid']);
  });

  it('are bad, and never hang, where the process dies; and the next one is had by another', async () => {
    const { sessions, look } = staged();
    const port = await listening(createServer(() => {}));
    const web = await listening(httpServer(() => {})); // it takes the request, and never answers
    assert.deepEqual(await look({ tcp: `127.0.0.1:${port}` }), { ok: true });
    const pending = look({ http: { url: `http://127.0.0.1:${web}/`, status: 200, insecure: false } });
    process.kill(sessions[0]?.pid ?? assert.fail(), 'SIGKILL');
    const verdict = await pending;
    assert.equal(verdict.ok, false);
    assert.match(verdict.ok ? '' : verdict.why, /what looks from the network grid ended: .*SIGKILL/);
    assert.deepEqual(await look({ tcp: `127.0.0.1:${port}` }), { ok: true });
    assert.equal(sessions.length, 2);
  });

  it('say in words why a process cannot be in that network', async () => {
    const broken: [string, ...string[]] = ['sh', '-c', 'echo "Cannot open network namespace" >&2; exit 1'];
    const gone = await staged({ program: broken }).look({ tcp: '127.0.0.1:1' });
    assert.deepEqual(gone, {
      ok: false,
      why: 'what looks from the network grid ended: Cannot open network namespace',
    });
    const loud = await staged({ program: ['sh', '-c', 'echo no JSON; exec sleep 60'] }).look({ tcp: '127.0.0.1:1' });
    assert.deepEqual(loud, { ok: false, why: 'what looks from the network grid ended: no JSON' });
  });

  it('are bad where the host has no leg there, and its process ends', async () => {
    const { by, legs, sessions, look } = staged();
    assert.equal((await look({ tcp: '127.0.0.1:1' })).ok, false);
    legs.clear();
    assert.deepEqual(await look({ tcp: '127.0.0.1:1' }), {
      ok: false,
      why: 'host1 has no leg on the network grid',
    });
    await sessions[0]?.ended;
    assert.deepEqual(by.running, []);
  });

  it('are had by another process where the leg is another, or was made anew and nothing is good', async () => {
    let now = 0;
    const { legs, sessions, look } = staged({ clock: { now: () => now, after: steadyClock.after } });
    await look({ tcp: '127.0.0.1:1' });
    now += 14_000;
    await look({ tcp: '127.0.0.1:1' });
    assert.equal(sessions.length, 1);
    now += 2_000;
    await look({ tcp: '127.0.0.1:1' });
    assert.equal(sessions.length, 2, 'nothing good for long');
    legs.set('grid', leg(['10.99.0.1']));
    await look({ tcp: '127.0.0.1:1' });
    assert.equal(sessions.length, 3, 'another leg');
    await Promise.all([sessions[0]?.ended, sessions[1]?.ended]);
  });

  it('end when they are called off, and let the process go when nobody looks', async () => {
    const later: (() => void)[] = [];
    const after: Clock['after'] = (_ms, call) => {
      later.push(call);
      return () => void later.splice(0);
    };
    const clock: Clock = { now: () => 0, after };
    const { by, sessions, look } = staged({ clock });
    const web = await listening(httpServer(() => {}));
    const off = new AbortController();
    const looking = look(
      { http: { url: `http://127.0.0.1:${web}/`, status: 200, insecure: false } },
      'grid',
      off.signal,
    );
    off.abort(new Error('enough'));
    await assert.rejects(looking, /enough/);
    assert.equal(later.length, 1, 'it waits for more');
    later[0]?.();
    await sessions[0]?.ended;
    assert.deepEqual(by.running, []);
  });
});
