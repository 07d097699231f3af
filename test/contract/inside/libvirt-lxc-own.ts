import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { after, afterEach, before, describe, it } from 'mocha';
import { pino } from 'pino';
import type { DriverGuest, HypervisorDriver } from '#agent/drivers/driver.ts';
import { libvirtDriver } from '#agent/drivers/libvirt/driver.ts';
import { Failure } from '#shared/errors.ts';
import { type ContainerHost, container, containerHost, LXC_URI } from './libvirt-lxc-host.ts';

const NIC = { mac: '52:54:00:00:00:0a', bridge: 'sk-a', link: 'sk52540000000a', mtu: 1450 };

/** What only containers of libvirt have to be held to. */
export function containersAlone(): void {
  describe('containers of libvirt', function () {
    this.timeout(60_000);
    let host: ContainerHost;
    let driver: HypervisorDriver;
    let guest: DriverGuest | undefined;
    const signal = (): AbortSignal => AbortSignal.timeout(30_000);

    before(async () => {
      host = await containerHost();
      const log = pino({ level: process.env.SKERRY_TEST_LOG ?? 'silent' });
      driver = await libvirtDriver({ uri: LXC_URI, log, stateFolder: host.stateFolder });
    });
    afterEach(async () => {
      if (!guest) return;
      await driver.poweroffGuest(guest.id, signal()).catch(() => {});
      await driver.deleteGuest(guest.id, signal());
      guest = undefined;
    });
    after(async () => {
      await driver.close();
      await host.close();
    });

    const define = async (how: Parameters<typeof container>[1] = {}): Promise<string> => {
      guest = await driver.defineGuest(container({ name: 'own' }, how), { replace: false }, signal());
      return guest.id;
    };
    const start = (id: string): Promise<void> => driver.startGuest(id, { paused: false }, signal());
    const inside = async (id: string, ...command: string[]): Promise<string> => {
      const { stdout } = await driver.runProgram!(id, { command, limitMs: 10_000, bytesMax: 10_000 }, signal());
      return Buffer.from(stdout).toString().trim();
    };
    const mtuOf = async (link: string): Promise<string> =>
      (await readFile(`/sys/class/net/${link}/mtu`, 'utf8')).trim();
    const until = async (holds: () => Promise<boolean>): Promise<void> => {
      for (const end = performance.now() + 15_000; !(await holds()); await pause(50))
        assert.ok(performance.now() < end, 'it came to nothing');
    };

    it('have the MTU of their network at both ends, also of an interface that comes later', async () => {
      const id = await define();
      await driver.attachNic(id, NIC, signal());
      await start(id);
      assert.deepEqual([await mtuOf(NIC.link), await inside(id, 'cat', '/sys/class/net/eth0/mtu')], ['1450', '1450']);
      const later = { ...NIC, mac: '52:54:00:00:00:0b', link: 'sk52540000000b', mtu: 1400 };
      await driver.attachNic(id, later, signal());
      assert.deepEqual([await mtuOf(later.link), await inside(id, 'cat', '/sys/class/net/eth1/mtu')], ['1400', '1400']);
    });

    it('have it also of an interface whose giving was cut off, when that is asked for again', async () => {
      const id = await define();
      await start(id);
      await driver.attachNic(id, NIC, signal());
      const { mac, bridge, link, mtu } = { ...NIC, mac: '52:54:00:00:00:0c', link: 'sk52540000000c', mtu: 1300 };
      const file = join(host.stateFolder, 'cut-off.xml');
      const parts = `<mac address="${mac}"/><source bridge="${bridge}"/><target dev="${link}"/><mtu size="${mtu}"/>`;
      await writeFile(file, `<interface type="bridge">${parts}</interface>`);
      await host.virsh('attach-device', id, file, '--live', '--config');
      assert.notEqual(await mtuOf(link), `${mtu}`, 'libvirt sets none');
      for (let again = 0; again < 2; again++) {
        const nics = await driver.attachNic(id, { mac, bridge, link, mtu }, signal());
        assert.deepEqual(
          nics.map(({ holds, problem }) => [holds, problem]),
          [['now', undefined]],
        );
        assert.deepEqual([await mtuOf(link), await inside(id, 'cat', '/sys/class/net/eth1/mtu')], ['1300', '1300']);
      }
    });

    it('have it also where somebody else starts them', async () => {
      const id = await define();
      await driver.attachNic(id, NIC, signal());
      const watch = await driver.watch(
        () => {},
        () => {},
        signal(),
      );
      try {
        await host.virsh('start', id);
        await until(async () => (await mtuOf(NIC.link)) === '1450');
      } finally {
        await watch.stop();
      }
    });

    it('leave no link of an interface that could not be given', async () => {
      const id = await define();
      await start(id);
      const [nic] = await driver.attachNic(id, { ...NIC, bridge: 'sk-none' }, signal());
      assert.ok(nic?.problem, JSON.stringify(nic));
      await assert.rejects(mtuOf(NIC.link), /ENOENT/);
    });

    it('do not get at the network of their host when their last interface goes', async () => {
      const id = await define({ features: [] });
      await driver.attachNic(id, NIC, signal());
      assert.deepEqual(await driver.detachNic(id, NIC.mac, signal()), []);
      await start(id);
      assert.equal(await inside(id, 'ls', '/sys/class/net'), 'lo');
    });

    it('are not started without a root of their own', async () => {
      const id = await define({ root: false });
      await assert.rejects(
        start(id),
        (error) =>
          error instanceof Failure && error.code === 'host-command' && /file system for \//.test(error.message),
      );
      assert.equal((await driver.readGuest(id, signal())).state, 'shutoff');
    });

    it('are asked by the signal that their init hears', async () => {
      const id = await define();
      await start(id);
      const began = (): Promise<string> => inside(id, 'stat', '-c', '%Z', '/proc/1').catch(() => '');
      const first = await began();
      assert.notEqual(first, '');
      await driver.rebootGuest(id, signal());
      await until(async () => !['', first].includes(await began()));
      await driver.shutdownGuest(id, { again: 1 }, signal());
      await until(async () => (await driver.readGuest(id, signal())).state === 'shutoff');
    });
  });
}
