import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, it } from 'mocha';
import { buildZoneRoot } from '#provisioning/zones/root.ts';
import { namespaceProblem, runTestsIn } from '#test/contract/network-namespace.ts';

/**
 * In a network of its own, and with a /run of its own. Its processes are those of this machine, so that what removes the cgroups of a host
 * that was killed outlives all of it.
 */
const inNetwork = (argv: readonly string[]): readonly [string, ...string[]] => [
  ...(['setpriv', '--pdeathsig', 'KILL', 'unshare', '--net', '--mount', 'sh', '-c'] as const),
  ...['mount -t tmpfs none /run && ip link set lo up && exec "$@"', 'sh', ...argv],
];

describe('a cold start of a site whose server is in a zone of the chain', function () {
  this.timeout(480_000);

  before(async function () {
    if (namespaceProblem() !== undefined) return this.skip();
    // Inside there is no way to Debian's packages.
    await buildZoneRoot(join(tmpdir(), 'skerry-guest-cache'));
  });

  it('brings the server up, and then what needs it, with nobody to ask', () =>
    runTestsIn(inNetwork, new URL('./inside/cold-start-zone.ts', import.meta.url)));
});
