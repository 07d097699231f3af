import { describe } from 'mocha';
import { consoleContract } from './console-contract.ts';
import { definitionContract } from './definition-contract.ts';
import type { DriverHarness } from './driver-harness.ts';
import { guestAgentContract } from './guest-agent-contract.ts';
import { lifecycleContract } from './lifecycle-contract.ts';
import { makingContract } from './making-contract.ts';
import { migrationContract } from './migration-contract.ts';
import { nicContract } from './nic-contract.ts';
import { parameterContract } from './parameter-contract.ts';
import { programContract } from './program-contract.ts';
import { scene } from './scene.ts';
import { settingContract } from './setting-contract.ts';
import { snapshotContract } from './snapshot-contract.ts';
import { waitingContract } from './waiting-contract.ts';
import { watchContract } from './watch-contract.ts';

/**
 * What every HypervisorDriver must do, whatever it drives.
 *
 * A test file of a driver calls this once for each hypervisor that it has. The harness is made once for all of it, and
 * every test makes its own guests and removes them, since making a hypervisor may take seconds.
 */
export function driverContract(name: string, makeHarness: () => Promise<DriverHarness>): void {
  describe(`driver contract: ${name}`, () => {
    const stage = scene(makeHarness);
    lifecycleContract(stage);
    definitionContract(stage);
    settingContract(stage);
    nicContract(stage);
    parameterContract(stage);
    watchContract(stage);
    consoleContract(stage);
    guestAgentContract(stage);
    programContract(stage);
    makingContract(stage);
    snapshotContract(stage);
    migrationContract(stage);
    // Last, and behind the groups of the others: it closes the driver.
    describe('at the end', () => waitingContract(stage));
  });
}
