import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '#agent/exec/run.ts';
import { linuxNetworks } from '#agent/networks/linux/driver.ts';
import { DROPPED } from '#agent/networks/linux/guard-rules.ts';
import { cookieOf } from '#agent/networks/linux/openvswitch/flows.ts';
import { openVSwitch } from '#agent/networks/linux/openvswitch/switch.ts';
import { guardContract } from './guard-contract.ts';
import { noRouters, sh } from './host.ts';
import { startOpenVSwitch } from './openvswitch.ts';
import { plug } from './wire.ts';

const countedIn = (flows: string): number =>
  [...flows.matchAll(/n_packets=(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);

guardContract('Open vSwitch', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'skerry-networks-'));
  const started = await startOpenVSwitch();
  return {
    driver: linuxNetworks({ run, host: 'here', folder, routers: noRouters, openvswitch: openVSwitch(run) }),
    plug: (space, port, mac) => plug(space, port, mac, `ovs-vsctl add-port sk-grid ${port}`),
    counted: async (reason) => {
      const known = DROPPED.find((each) => each === reason);
      assert.ok(known);
      return countedIn(await sh(`ovs-ofctl dump-flows sk-grid cookie=${cookieOf(known)}/-1`));
    },
    harms: [
      'ovs-ofctl del-flows sk-grid table=1',
      'ovs-ofctl del-flows sk-grid; ovs-ofctl add-flow sk-grid actions=NORMAL',
      'ovs-vsctl del-fail-mode sk-grid; ovs-ofctl del-flows sk-grid',
    ],
    close: async () => {
      await started.end();
      await rm(folder, { recursive: true, force: true });
    },
  };
});
