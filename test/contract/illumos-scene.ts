import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ZonesOptions } from '#agent/drivers/zones/driver.ts';
import type { Places } from '#agent/drivers/zones/short-form.ts';
import type { Run } from '#agent/exec/run.ts';
import { runToEnd } from '#agent/exec/run-to-end.ts';
import { GuestRecipe } from '#shared/model/guest.ts';
import { createHost, type HostOptions, type IllumosHost } from '#test/illumos/host.ts';
import { type Ended, perform, programNamed } from '#test/illumos/programs.ts';
import { illumosRun } from '#test/illumos/run.ts';
import type { Fault } from '#test/illumos/state.ts';

/** A modelled illumos host whose places are those of this machine, in a folder of its own. */
export interface IllumosScene {
  host: IllumosHost;
  folder: string;
  /** Folders that zones are made with. */
  places: Places;
  run: Run;
  /** What a driver on it is given; it looks ten times as often as it does otherwise. */
  options: ZonesOptions & { run: Run };
  /** A command, as somebody else would type it. */
  type(...words: string[]): Promise<Ended>;
  /** The next command that fits is to fail. */
  fault(fault: Fault): void;
  /** All commands since, and none of them any more. */
  takeTranscript(): string[];
  close(): void;
}

/** A machine with disks: of all zones what most commands make. */
export const MACHINE = GuestRecipe.parse({
  ...{ name: 'vm1', image: 'bhyve', vcpus: 2, memoryMiB: 512, title: 'shop' },
  nics: ['bridge=sk-lan,ip=10.1.2.5/24,gateway=10.1.2.1'],
  options: { disk: 'rpool/vm1_disk0,1G;rpool/vm1_disk1,2G', sshkey: 'ssh-ed25519 AAAA me' },
});

/** Commands that only look. */
export const LOOKS =
  /^(zoneadm list|zonecfg -z \S+ export|dladm show-|ipadm show-|zfs list|psrinfo|prtconf|uname|kstat)/;

const silent = { debug: () => {}, info: () => {}, warn: () => {} };

/** @param change what is different about the door to processes */
export function illumosScene(more: HostOptions = {}, change: (run: Run) => Run = (run) => run): IllumosScene {
  const folder = mkdtempSync(join(tmpdir(), 'skerry-zones-'));
  const zonesFolder = join(folder, 'zones');
  const host = createHost(folder, {
    ...{ root: '/', removable: [folder], configFolder: join(folder, 'etc-zones') },
    datasets: [
      { name: 'rpool', type: 'filesystem', mountpoint: join(folder, 'rpool'), properties: {} },
      { name: 'rpool/zones', type: 'filesystem', mountpoint: zonesFolder, properties: {} },
    ],
    ...more,
  });
  const places = { zonesFolder, packageCache: join(folder, 'cache') };
  const run = change(illumosRun(host));
  return {
    ...{ host, folder, places, run },
    options: {
      ...{ run, ...places, log: silent, host: 'here', stateFolder: join(folder, 'state'), lookMs: 100 },
      configFolder: join(folder, 'etc-zones'),
    },
    type: (name = '', ...args) =>
      perform(host, programNamed(name)!, { name, args, signal: AbortSignal.timeout(10_000) }),
    fault: (fault) => host.change((state) => void state.faults.push(fault)),
    takeTranscript: () => host.change((state) => state.transcript.splice(0)),
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/**
 * What zlogin(1) does with a program: the words go to a shell in the zone. There is none in the model, so this machine's own is taken, once the
 * model has let somebody in.
 */
export const zloginToShell =
  ({ type }: Pick<IllumosScene, 'type'>): typeof runToEnd =>
  async (command, options, signal) => {
    const [zone = '', line = ''] = command.args;
    signal.throwIfAborted();
    const entered = await type('zlogin', zone, 'true');
    const said = { stdout: Buffer.from(entered.stdout), stderr: Buffer.from(entered.stderr) };
    if (entered.code !== 0) return { ...said, exitCode: entered.code, cut: false, isLate: false };
    return runToEnd({ ...command, file: 'sh', args: ['-c', line] }, options, signal);
  };

/** What stands for `zlogin -C` on a terminal, which the model has not: a login that nobody gets through, and that ends with its zone. */
export const consoleOf = ({ folder }: IllumosScene): readonly [string, ...string[]] => [
  process.execPath,
  fileURLToPath(new URL('inside/zone-console.ts', import.meta.url)),
  folder,
];
