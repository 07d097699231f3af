import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { TestRig } from '#test/system/support/rig.ts';
import { against, type Figure, type Times, timesOf } from '../figures.ts';

const INSIDE = fileURLToPath(new URL('inside.ts', import.meta.url));

/** Zones of LXC on a host of the rig, by the driver and by hand, in turn and inside that host. */
export async function onZones(rig: TestRig, zone: string, rounds: number): Promise<Figure[]> {
  const enter = ['-t', `${rig.hostPid('host1')}`, '-a', '--'];
  const { stdout } = await execa('nsenter', [...enter, process.execPath, INSIDE, zone, `${rounds}`]);
  const { list, start } = JSON.parse(stdout) as {
    list: Record<'list' | 'hand', Times>;
    start: Record<'start' | 'hand', number[]>;
  };
  return [
    ...against('list of 500 zones', list.list, list.hand, 'lxc-ls -f', {}).slice(0, 1),
    ...against('start of a zone', timesOf(start.start), timesOf(start.hand), 'lxc-start', { p50: 1.1 }).slice(0, 1),
  ];
}
