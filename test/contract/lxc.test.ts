import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { before, describe, it } from 'mocha';
import { buildZoneRoot } from '#provisioning/zones/root.ts';
import { namespaceProblem, runTestsIn } from './network-namespace.ts';
import { onZoneHost } from './zone-host.ts';

/** Make a zone, freeze it, say so, and stay. */
const FREEZE = `mkdir /var/lib/lxc/still
printf '%s\\n' 'lxc.uts.name = still' "lxc.rootfs.path = dir:$1" 'lxc.rootfs.options = idmap=container' \\
  'lxc.idmap = u 0 100000 65536' 'lxc.idmap = g 0 100000 65536' >/var/lib/lxc/still/config
lxc-start -n still && lxc-freeze -n still && lxc-info -n still -sH
sleep 600`;

/** None where it has gone. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

describe('LXC, on a host of its own', function () {
  this.timeout(300_000);
  let root = '';

  before(async function () {
    if (namespaceProblem() !== undefined) return this.skip();
    // Inside there is no way to Debian's packages.
    root = await buildZoneRoot(join(tmpdir(), 'skerry-guest-cache'));
  });

  it('keeps the contract of drivers', () =>
    runTestsIn((argv) => onZoneHost('contract', argv), new URL('inside/lxc-contract.ts', import.meta.url)));

  it('takes nothing from an image that leads to the host', () =>
    runTestsIn((argv) => onZoneHost('images', argv), new URL('inside/lxc-images.ts', import.meta.url)));

  it('limits swap with memory', () =>
    runTestsIn((argv) => onZoneHost('limits', argv), new URL('inside/lxc-limits.ts', import.meta.url)));

  it('leaves no process and no cgroup when it is killed, of a frozen zone neither', async () => {
    const name = `killed-${process.pid}`;
    const [file, ...args] = onZoneHost(name, ['sh', '-c', FREEZE, 'sh', root]);
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const chunk of child.stdout) if (String(chunk).includes('FROZEN')) break;
    const groups = (): string[] =>
      readdirSync('/sys/fs/cgroup', { recursive: false, withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .flatMap((entry) => namesIn(join('/sys/fs/cgroup', entry.name)).concat(entry.name))
        .filter((each) => each.startsWith(`skerry-${name}-`));
    if (groups().length === 0) throw new Error('it has no cgroups of its own');
    child.kill('SIGKILL');
    await once(child, 'exit');
    // A group with a process in it cannot go.
    for (const end = performance.now() + 60_000; groups().length > 0; await pause(50))
      if (performance.now() > end) throw new Error(`still there: ${groups()}`);
  });
});
