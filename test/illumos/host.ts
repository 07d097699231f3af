import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join, resolve, sep } from 'node:path';
import { settle } from './settling.ts';
import { type Dataset, emptyStack, GLOBAL, type HostState, type Settings } from './state.ts';

/**
 * A modelled illumos host: a folder that keeps its state, for one process or many.
 *
 * Responsibilities: to hand out the state for one change at a time, brought up to now first; to say where the host's
 * files are on this machine.
 *
 * Theory of operation: one JSON file behind a lock file. A change is synchronous, so that nothing of this process comes
 * between; other processes wait for the lock, which is held for less than a millisecond.
 *
 * What can go wrong: a process killed within a change leaves its lock behind, and the next one sees that its pid is gone.
 */
export interface IllumosHost {
  readonly folder: string;
  /** Read and change the state. What `by` throws is thrown, and nothing is kept. */
  change<T>(by: (state: HostState) => T): T;
  read<T>(of: (state: HostState) => T): T;
  /** Where a place of the host is on this machine. */
  path(place: string): string;
  /** Remove a tree of the host's. @throws where it is not under what the host may remove */
  remove(place: string): void;
}

export interface HostOptions extends Partial<Settings> {
  datasets?: Dataset[];
  /** Physical links, fastest first; `net0` with the address 192.0.2.10/24 where nothing is said. */
  physical?: string[];
}

/** Make a host in an empty folder. */
export function createHost(folder: string, options: HostOptions = {}): IllumosHost {
  const { datasets, physical = ['net0'], ...settings } = options;
  mkdirSync(folder, { recursive: true });
  const root = settings.root ?? join(folder, 'root');
  const places = {
    root,
    removable: settings.removable ?? [resolve(folder)],
    configFolder: settings.configFolder ?? join(root, 'etc/zones'),
  };
  mkdirSync(places.configFolder, { recursive: true });
  const state: HostState = {
    zones: [],
    links: physical.map((name, index) => ({
      name,
      class: 'phys',
      mac: `0:c:29:1:2:${(index + 3).toString(16)}`,
      vid: 0,
      mtu: 1500,
      speed: 1000,
      persistent: true,
      active: true,
      properties: {},
      temporaryProperties: {},
    })),
    stacks: { [GLOBAL]: globalStack(physical[0]) },
    services: { [GLOBAL]: { 'svc:/system/zones:default': 'online', 'svc:/network/physical:default': 'online' } },
    flows: [],
    datasets: datasets ?? [
      { name: 'rpool', type: 'filesystem', mountpoint: '/rpool', properties: {} },
      { name: 'rpool/export', type: 'filesystem', mountpoint: '/export', properties: {} },
    ],
    next: { zoneId: 1, did: 1, mac: 1 },
    settings: { ...DEFAULTS, ...settings, ...places },
    faults: [],
    races: [],
    transcript: [],
  };
  writeFileSync(join(folder, 'state.json'), JSON.stringify(state));
  const host = openHost(folder);
  for (const dataset of state.datasets) {
    if (dataset.mountpoint) mkdirSync(host.path(dataset.mountpoint), { recursive: true });
  }
  return host;
}

const DEFAULTS: Omit<Settings, 'root' | 'removable' | 'configFolder'> = {
  present: [],
  servicesMs: 20,
  shutdownMs: 20,
  installMs: 0,
  bootMs: 0,
  haltMs: 0,
  shutdownTimeoutMs: 100_000,
  deaf: [],
  listFields: 7,
  cpus: 8,
  memoryMiB: 16_384,
  privileged: true,
  seed: 1,
};

function globalStack(first: string | undefined) {
  const stack = emptyStack();
  if (first === undefined) return stack;
  const facts = { persistent: true, properties: {}, temporaryProperties: {} };
  stack.interfaces.push({ name: 'lo0', ...facts }, { name: first, ...facts });
  stack.addresses.push(
    { object: 'lo0/v4', type: 'static', address: '127.0.0.1/8', persistent: true },
    { object: `${first}/v4`, type: 'static', address: '192.0.2.10/24', persistent: true },
  );
  stack.routes.push({ destination: 'default', gateway: '192.0.2.1', persistent: true });
  return stack;
}

/** The host that a folder keeps. */
export function openHost(folder: string): IllumosHost {
  const file = join(folder, 'state.json');
  const load = (): HostState => JSON.parse(readFileSync(file, 'utf8'));
  const under = (state: HostState, place: string) => join(state.settings.root, place);
  const host: IllumosHost = {
    folder,
    change: (by) =>
      locked(join(folder, 'lock'), () => {
        const state = load();
        settle(state, Date.now());
        const result = by(state);
        writeFileSync(`${file}.new`, JSON.stringify(state));
        renameSync(`${file}.new`, file);
        return result;
      }),
    read: (of) => host.change(of),
    path: (place) => under(load(), place),
    remove: (place) => {
      const state = load();
      const target = resolve(under(state, place));
      const isOurs = state.settings.removable.some((folder) => target.startsWith(folder + sep));
      if (!isOurs) throw new Error(`${target} is none of the modelled host's`);
      rmSync(target, { recursive: true, force: true });
    },
  };
  return host;
}

function locked<T>(lock: string, work: () => T): T {
  for (;;) {
    try {
      const file = openSync(lock, 'wx');
      writeSync(file, String(process.pid));
      closeSync(file);
      break;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      forgetTheDead(lock);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
  try {
    return work();
  } finally {
    unlinkSync(lock);
  }
}

function forgetTheDead(lock: string): void {
  try {
    const pid = Number(readFileSync(lock, 'utf8'));
    if (pid > 0) process.kill(pid, 0);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ESRCH') rmSync(lock, { force: true });
    else if (code !== 'ENOENT' && code !== 'EPERM') throw error;
  }
}
