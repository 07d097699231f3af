import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { isMissing } from '#agent/files/folder.ts';
import { Failure } from '#shared/errors.ts';
import { HostMesh } from '#shared/model/mesh.ts';
import { type GivenOutside, HostLook, HostNetwork, HostPort, HostRouter, type Lease } from '#shared/model/network.ts';

/** What there is on the host that is none; kept as JSON. */
const State = z.strictObject({
  networks: z.record(z.string(), HostNetwork),
  looks: z.record(z.string(), HostLook),
  routers: z.record(z.string(), HostRouter),
  guards: z.array(HostPort),
  mesh: HostMesh.safeExtend({ vnis: z.array(z.int()) }).optional(),
  /** Links that somebody else made. */
  foreign: z.array(z.string()),
  /** How often each thing was done: `make network grid` to 3. */
  effects: z.record(z.string(), z.int()),
});
export type FakeNetworks = z.infer<typeof State>;

export interface FakeNetworkWorldOptions {
  /** Links that somebody else made: outside ones, and those in the way. */
  foreign?: readonly string[];
  /** Keeps all of it over restarts. */
  stateFile?: string;
}

/** A host's networks in memory, which anybody may act on, and which are told of. */
export interface FakeNetworkWorld {
  readonly state: FakeNetworks;
  /** Leases that routers gave. */
  readonly leases: Lease[];
  /** What a router has by DHCP outside, by its name. */
  readonly given: Map<string, GivenOutside>;
  /** What is wrong with a router, by its name. */
  readonly ailing: Map<string, string[]>;
  /** Why the end of a tunnel is not reached, by its address. */
  readonly lost: Map<string, string>;
  /** Do it, count it, keep it and tell of it. */
  did(what: string, change: (state: FakeNetworks) => void): void;
  /** Somebody changes something behind the driver's back. */
  drift(change: (state: FakeNetworks) => void): void;
  /** Making or removing it fails from now on: `network grid`, `router core`, `guards`. */
  fail(what: string, failure: Failure): void;
  mend(what: string): void;
  /** @throws Failure where it is to fail */
  try(what: string): void;
  listen(onChange: () => void, onBreak: (problem: Error) => void): () => void;
  breakWatches(): void;
  readonly watchers: number;
}

export function fakeNetworkWorld({ foreign = [], stateFile }: FakeNetworkWorldOptions = {}): FakeNetworkWorld {
  const state = (stateFile && stateIn(stateFile)) || emptyState(foreign);
  const failing = new Map<string, Failure>();
  const watchers = new Set<{ onChange: () => void; onBreak: (problem: Error) => void }>();

  const changed = (): void => {
    if (stateFile) keep(stateFile, state);
    for (const { onChange } of [...watchers]) onChange();
  };
  return {
    state,
    leases: [],
    given: new Map(),
    ailing: new Map(),
    lost: new Map(),
    did(what, change) {
      change(state);
      state.effects[what] = (state.effects[what] ?? 0) + 1;
      changed();
    },
    drift(change) {
      change(state);
      changed();
    },
    fail: (what, failure) => void failing.set(what, failure),
    mend: (what) => void failing.delete(what),
    try(what) {
      const failure = failing.get(what);
      if (failure) throw failure;
    },
    listen(onChange, onBreak) {
      const watcher = { onChange, onBreak };
      watchers.add(watcher);
      return () => void watchers.delete(watcher);
    },
    breakWatches() {
      const broken = [...watchers];
      watchers.clear();
      for (const { onBreak } of broken) onBreak(new Error('the fake network broke the watch'));
    },
    get watchers() {
      return watchers.size;
    },
  };
}

const emptyState = (foreign: readonly string[]): FakeNetworks => ({
  ...{ networks: {}, looks: {}, routers: {}, guards: [], effects: {} },
  foreign: [...foreign],
});

/** What a state file holds; undefined where there is none. @throws Failure host-output */
export function stateIn(file: string): FakeNetworks | undefined {
  try {
    return State.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new Failure('host-output', { problem: `${file} is no state of fake networks` }, { cause: error });
  }
}

/** All of it or none of it is on disk when this is cut off. */
function keep(file: string, state: FakeNetworks): void {
  writeFileSync(`${file}.new`, JSON.stringify(state), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
