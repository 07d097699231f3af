import { after, before } from 'mocha';
import { run } from '#agent/exec/run.ts';
import { openVSwitch } from '#agent/networks/linux/openvswitch/switch.ts';
import { networkDriverContract } from '../network-driver-contract.ts';
import { linuxHarness } from './linux-harness.ts';
import { startOpenVSwitch } from './openvswitch.ts';

let started: Awaited<ReturnType<typeof startOpenVSwitch>>;
before(async () => {
  started = await startOpenVSwitch();
});
after(() => started.end());

networkDriverContract('linux with Open vSwitch', () => linuxHarness(openVSwitch(run)));
