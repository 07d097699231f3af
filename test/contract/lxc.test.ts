import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'mocha';
import { buildZoneRoot } from '#provisioning/zones/root.ts';
import { namespaceProblem, runTestsIn } from './network-namespace.ts';
import { onZoneHost } from './zone-host.ts';

describe('LXC, on a host of its own', () => {
  it('keeps the contract of drivers', async function () {
    if (namespaceProblem() !== undefined) return this.skip();
    this.timeout(300_000);
    // Inside there is no way to Debian's packages.
    await buildZoneRoot(join(tmpdir(), 'skerry-guest-cache'));
    await runTestsIn((argv) => onZoneHost('contract', argv), new URL('inside/lxc-contract.ts', import.meta.url));
  });
});
