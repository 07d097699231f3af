import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, it } from 'mocha';
import { buildZoneRoot } from '#provisioning/zones/root.ts';
import { namespaceProblem, runTestsIn } from './network-namespace.ts';
import { onZoneHost } from './zone-host.ts';

describe('LXC by libvirt, on a host of its own', function () {
  this.timeout(300_000);

  before(async function () {
    if (namespaceProblem() !== undefined) return this.skip();
    // Inside there is no way to Debian's packages.
    await buildZoneRoot(join(tmpdir(), 'skerry-guest-cache'));
  });

  it('keeps the contract of drivers', () =>
    runTestsIn((argv) => onZoneHost('libvirt', argv), new URL('inside/libvirt-lxc-contract.ts', import.meta.url)));
});
