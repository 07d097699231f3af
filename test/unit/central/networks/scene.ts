import assert from 'node:assert/strict';
import type { Element } from '@xmpp/xml';
import xml from '@xmpp/xml';
import type { Site } from '#central/inventory/site.ts';
import { Networks } from '#central/networks/networks.ts';
import { type Change, type NetworkState, NO_STATE, undone } from '#central/networks/state.ts';
import type { NetworkStore } from '#central/networks/store.ts';
import { Failure } from '#shared/errors.ts';
import type { Guest } from '#shared/model/guest.ts';
import { HostNetworks, type NetworkStanding, type NetworkTrouble } from '#shared/model/network.ts';
import { digestOf } from '#shared/verb/digest.ts';
import type { IqRequest } from '#shared/xmpp/entity.ts';
import { jsonIn, parseJsonIn } from '#shared/xmpp/json-container.ts';
import { NETWORKS_NS } from '#shared/xmpp/networks.ts';
import { manualClock } from '../../support/manual-clock.ts';
import { siteOf } from '../../support/site.ts';

export const PLAN = { prefix: '06:53', templates: { web: 16 } };
export const callOf = (operation: string) => ({
  requester: { bareJid: 'ann@skerry.test', fullJid: 'ann@skerry.test/x' },
  operation,
});

export const guestOf = (name: string, host = 'host1'): Guest => ({
  ...{ name, uuid: `uuid-${name}`, state: 'running', host, vcpus: 1, memoryMiB: 64, addresses: [] },
  ...{ autostart: false, persistent: true },
});

/** A store that keeps what was written, as a database does: a second life can be begun on it. */
export function memoryStore(): NetworkStore & { state: NetworkState; changes: Map<string, Change>; full: boolean } {
  const store = {
    state: NO_STATE,
    changes: new Map<string, Change>(),
    full: false,
    load: async () => store.state,
    write: async (change: Change, operation: string) => {
      if (store.full) throw new Failure('host-space', { problem: 'full' });
      // What is written is JSON.
      const kept = JSON.parse(JSON.stringify(change)) as Change;
      store.state = undone(
        store.state,
        kept.map(({ before, after, ...rest }) => ({ ...rest, before: after, after: before })),
      );
      store.changes.set(operation, kept);
    },
    unwrite: async (change: Change, operation: string) => {
      store.state = undone(
        store.state,
        change.map(({ before, after, ...rest }) => ({ ...rest, before: after, after: before })),
      );
      store.changes.delete(operation);
    },
    find: async (operation: string) => store.changes.get(operation),
    prune: async () => {},
  };
  return store;
}

/** An agent that takes what it is sent. */
export interface FakeHost {
  taken: HostNetworks[];
  troubles(document: HostNetworks): NetworkTrouble[];
  underlay?: NetworkStanding['underlay'];
  wireguard?: NetworkStanding['wireguard'];
  /** Thrown in place of an answer. */
  failure?: Failure | undefined;
  /** It takes nothing, and does not answer. */
  isSilent?: boolean;
  /** The same, when it has done all that it was sent. */
  lateFailure?: Failure | undefined;
  standing?: NetworkStanding;
}

export interface Scene {
  networks: Networks;
  site: Site;
  store: ReturnType<typeof memoryStore>;
  clock: ReturnType<typeof manualClock>;
  hosts: Record<string, FakeHost>;
  /** The host is heard, with what it has taken. */
  heard(host: string, epoch?: number): Promise<void>;
  /** What a host was sent last. */
  last(host: string): HostNetworks;
  /** A second life of central, on what was kept. */
  again(): Promise<Scene>;
}

export async function sceneOf(
  guests: Readonly<Record<string, readonly Guest[]>>,
  kept = memoryStore(),
  hosts: Record<string, FakeHost> = Object.fromEntries(Object.keys(guests).map((name) => [name, fakeHost()])),
): Promise<Scene> {
  const site = siteOf(guests);
  const clock = manualClock();
  const request = async ({ to = '', child, signal }: IqRequest): Promise<Element> => {
    const host = hosts[to.split('@')[0] ?? ''] as FakeHost;
    await new Promise(setImmediate);
    if (host.failure) throw host.failure;
    if (host.isSilent) await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
    const document = parseJsonIn(child, HostNetworks);
    host.taken.push(document);
    host.standing = standingOf(host, document);
    if (host.lateFailure) throw host.lateFailure;
    return xml('iq', {}, jsonIn('standing', NETWORKS_NS, host.standing));
  };
  const networks = await Networks.start({
    ...{ site, store: kept, macs: PLAN, mesh: 'fd5e:1::/64', clock, onBug: assert.fail, log: { warn: () => {} } },
    entity: { request, isOnline: true, bareJid: 'central.skerry.test' },
  });
  const heard = async (name: string, epoch = 1): Promise<void> => {
    const { seq } = site.host(name).known;
    const standing = hosts[name]?.standing ?? standingOf(hosts[name] as FakeHost, undefined);
    await site.take(`${name}@skerry.test`, {
      ...{ epoch, seq: seq + 1, kind: 'snapshot', part: 0, more: false, gone: [], jobs: [] },
      host: { state: 'up', version: '0.1.0', networks: standing },
      guests: [...site.host(name).known.guests.values()],
    });
  };
  const scene: Scene = {
    ...{ networks, site, store: kept, clock, hosts, heard },
    last: (host) => hosts[host]?.taken.at(-1) ?? assert.fail(`${host} was sent nothing`),
    again: () => {
      networks.stop();
      return sceneOf(guests, kept, hosts);
    },
  };
  for (const name of Object.keys(guests)) await heard(name);
  return scene;
}

export const fakeHost = (underlay?: NetworkStanding['underlay']): FakeHost => ({
  taken: [],
  troubles: () => [],
  ...(underlay ? { underlay } : {}),
});

const standingOf = (host: FakeHost, document: HostNetworks | undefined): NetworkStanding => ({
  digest: document ? digestOf('networks', document) : '',
  troubles: document ? host.troubles(document) : [],
  ...(host.underlay ? { underlay: host.underlay } : {}),
  ...(host.wireguard ? { wireguard: host.wireguard } : {}),
});

/** Wait until what was begun by an event is done. */
export const settled = async (): Promise<void> => {
  for (let n = 0; n < 20; n++) await new Promise(setImmediate);
};

export const isFailure =
  (code: Failure['code'], pattern = /./) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof Failure, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, pattern);
    return true;
  };
