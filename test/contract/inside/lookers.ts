import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { run } from '#agent/exec/run.ts';
import { startSession } from '#agent/exec/session.ts';
import type { NetworkDriver } from '#agent/networks/driver.ts';
import { linuxNetworks } from '#agent/networks/linux/driver.ts';
import { lookSpaceOf } from '#agent/networks/linux/names.ts';
import { lookers } from '#agent/probes/lookers.ts';
import { steadyClock } from '#shared/clock.ts';
import type { ReadyTest } from '#shared/model/chain-ready.ts';
import { HostLook, HostNetwork } from '#shared/model/network.ts';
import { unroutable } from './unroutable.ts';

const signal = () => AbortSignal.timeout(30_000);
const network = HostNetwork.parse({ name: 'lan', kind: 'isolated', link: 'sk-lan', mtu: 1450 });
const look = HostLook.parse({ network: 'lan', mac: '06:53:00:fe:00:01', addresses: ['10.9.0.2/24'] });
const ip = (...args: string[]) => run({ file: 'ip', args, timeoutMs: 10_000 }, signal());

describe('looks from a network of Linux', () => {
  let folder: string;
  let driver: NetworkDriver;
  const server = createServer((socket) => socket.destroy());
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'skerry-lookers-'));
    driver = linuxNetworks({ run, host: 'host1', folder, routers: unroutable('host1') });
    await driver.makeNetworks([network], [], signal());
    await driver.makeLook(look, network, signal());
    // Somebody on the network: the host itself, for once.
    await ip('address', 'add', '10.9.0.9/24', 'dev', 'sk-lan');
    await new Promise<void>((resolve) => server.listen(7000, '10.9.0.9', resolve));
    await new Promise<void>((resolve) =>
      createServer().listen(7001, '127.0.0.1', resolve).unref().once('listening', resolve),
    );
  });
  after(async () => {
    server.close();
    await driver.close();
    await rm(folder, { recursive: true });
  });

  it('reach who is there, and nothing of the host; and are had again when the leg is made anew', async () => {
    let now = 0;
    const by = lookers({
      ...{ host: 'host1', startSession, legOn: () => look, enterLook: driver.enterLook },
      clock: { now: () => now, after: steadyClock.after },
    });
    const dial = (tcp: string) => by.lookFrom('lan', { tcp } as ReadyTest)(signal());
    assert.deepEqual(await dial('10.9.0.9:7000'), { ok: true });
    assert.equal((await dial('127.0.0.1:7001')).ok, false, 'that of the host is not the one of the leg');
    await driver.removeLook('lan', signal());
    await driver.makeLook(look, network, signal());
    assert.equal((await dial('10.9.0.9:7000')).ok, false, 'the process is in the old namespace');
    now += 20_000;
    assert.deepEqual(await dial('10.9.0.9:7000'), { ok: true });
    await ip('netns', 'del', lookSpaceOf('lan'));
    await driver.makeLook(look, network, signal());
    now += 20_000;
    await dial('10.9.0.9:7000');
    now += 20_000;
    assert.deepEqual(
      await dial('10.9.0.9:7000'),
      { ok: true },
      'somebody removed its namespace, and it was made again',
    );
    await by.stop();
  });

  it('say whether the end of a tunnel answers to packets as large as its own', async () => {
    await ip('link', 'add', 'name', 'under0', 'mtu', '1500', 'type', 'veth', 'peer', 'name', 'under1');
    await ip('address', 'add', '192.0.2.1/24', 'dev', 'under0');
    await ip('link', 'set', 'under0', 'up');
    await ip('netns', 'add', 'other');
    await ip('link', 'set', 'under1', 'netns', 'other');
    await ip('-n', 'other', 'address', 'add', '192.0.2.2/24', 'dev', 'under1');
    await ip('-n', 'other', 'link', 'set', 'under1', 'up');
    assert.equal(await driver.reachPeer('192.0.2.2', 1450, signal()), undefined);
    assert.match((await driver.reachPeer('192.0.2.2', 1451, signal())) ?? '', /^192\.0\.2\.2: .*(too long|1501 bytes)/);
    assert.match((await driver.reachPeer('192.0.2.3', 1450, signal())) ?? '', /no answer to a packet of 1500 bytes/);
  });
});
