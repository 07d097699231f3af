import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '#agent/exec/run.ts';
import { linuxNetworks } from '#agent/networks/linux/driver.ts';
import { guardContract } from './guard-contract.ts';
import { noRouters, sh } from './host.ts';
import { plug } from './wire.ts';

guardContract('Linux', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'skerry-networks-'));
  return {
    driver: linuxNetworks({ run, host: 'here', folder, routers: noRouters }),
    plug: (space, port, mac) => plug(space, port, mac, `ip link set ${port} master sk-grid`),
    counted: async (reason) =>
      Number(/packets (\d+)/.exec(await sh(`nft list counter bridge skerry bad_${reason}`))?.[1]),
    harms: [
      'nft flush chain bridge skerry hold',
      'nft flush set bridge skerry guests',
      'nft delete table bridge skerry',
      'nft delete table bridge skerry; nft add table bridge skerry; nft add set bridge skerry guests "{ type ether_addr; }"',
    ],
    close: () => rm(folder, { recursive: true, force: true }),
  };
});
