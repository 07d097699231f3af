import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { type Kept, keep } from './keep.ts';
import { RIG_MARK } from './processes.ts';

/**
 * Tell what happens to the guests of a hypervisor, as libvirt tells it.
 *
 * Shape: `event 'lifecycle' for domain 'venti': Started Booted`, a line an event.
 * Source: virsh(1), event
 */
export function tellGuestEvents(
  rigDir: string,
  host: string,
  uri: () => Promise<string>,
  say: (line: string) => void,
): Kept<{ ended: Promise<unknown> }> {
  const start = async () => {
    const argv = ['--pdeathsig', 'KILL', 'virsh', '-q', '-c', await uri(), 'event', '--loop', '--event', 'lifecycle'];
    const child = spawn('setpriv', argv, {
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
      env: { ...process.env, LC_ALL: 'C', [RIG_MARK]: rigDir },
    });
    const ended = once(child, 'close').catch(() => {});
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [, guest, what, how] = /event 'lifecycle' for domain '(.*)': (\S+)(?: (.*))?$/.exec(line) ?? [];
      if (guest !== undefined)
        say(`${host}: guest ${guest} ${what?.toLowerCase()}${how ? ` (${how.toLowerCase()})` : ''}`);
    });
    return { ended, kill: () => child.kill('SIGKILL') };
  };
  return keep({
    name: `${host}: listening to libvirt`,
    start,
    end: async ({ ended, kill }) => {
      kill();
      await ended;
    },
    // It ends whenever libvirtd does, which is told already.
    say: () => {},
  });
}
