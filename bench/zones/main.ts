import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { HOSTS } from '#provisioning/rig/plan.ts';
import { startRig } from '#test/system/support/rig.ts';
import { against, type Times, tableOf, timesOf } from '../figures.ts';

const INSIDE = fileURLToPath(new URL('inside.ts', import.meta.url));

/** Zones of LXC on a host of a rig, by the driver and by hand, in turn and inside that host. */
export async function benchZones(isQuick: boolean): Promise<void> {
  const { rig, stop } = await startRig();
  try {
    const zone = HOSTS[0]?.zones[0]?.name ?? '';
    const enter = ['-t', `${rig.hostPid('host1')}`, '-a', '--'];
    const { stdout } = await execa('nsenter', [...enter, process.execPath, INSIDE, zone, isQuick ? '10' : '50']);
    const { list, start } = JSON.parse(stdout) as {
      list: Record<'list' | 'hand', Times>;
      start: Record<'start' | 'hand', number[]>;
    };
    const figures = [
      ...against('list of 500 zones', list.list, list.hand, 'lxc-ls -f').slice(0, 1),
      ...against('start of a zone', timesOf(start.start), timesOf(start.hand), 'lxc-start', { p50: 1.1 }).slice(0, 1),
    ];
    console.log(tableOf(figures));
  } finally {
    await stop();
  }
}
