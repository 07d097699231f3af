import { Failure } from '#shared/errors.ts';
import type { Snapshot } from '#shared/model/snapshot.ts';
import type { FakeGuest } from './guest.ts';
import type { FakeSnapshot } from './store.ts';
import type { FakeWorld } from './world.ts';

export const snapshotsOf = ({ record }: FakeGuest): Snapshot[] =>
  (record.snapshots ?? []).map(({ name, takenAtMs, state, live }) => ({
    name,
    takenAt: new Date(takenAtMs).toISOString(),
    ...(live ? { state } : {}),
    ...(record.current === name ? { current: true } : {}),
  }));

/** Its definition, and how it runs, as they are now. @throws Failure snapshot-exists */
export function takeSnapshot(world: FakeWorld, guest: FakeGuest, name: string): void {
  const { record } = guest;
  const { snapshots = [], definition, state, reason, startedAtMs, live } = record;
  if (snapshots.some((each) => each.name === name))
    throw new Failure('snapshot-exists', { guest: definition.name, snapshot: name });
  const taken = structuredClone({ definition, state, reason, startedAtMs, live }) as FakeSnapshot;
  record.snapshots = [...snapshots, { ...taken, name, takenAtMs: world.clock.now() }];
  record.current = name;
  world.changed('snapshot', guest, { what: 'changed', detail: 'snapshot' });
}

/** @throws Failure snapshot-not-found */
export const revertSnapshot = (guest: FakeGuest, name: string): void =>
  guest.revert(structuredClone(snapshotIn(guest, name)));

/** @throws Failure snapshot-not-found */
export function deleteSnapshot(world: FakeWorld, guest: FakeGuest, name: string): void {
  const { record } = guest;
  const doomed = snapshotIn(guest, name);
  record.snapshots = record.snapshots?.filter((each) => each !== doomed) ?? [];
  if (record.current === name) delete record.current;
  world.changed('forget', guest, { what: 'changed', detail: 'snapshot' });
}

function snapshotIn({ record }: FakeGuest, name: string): FakeSnapshot {
  const { snapshots = [], definition } = record;
  const found = snapshots.find((each) => each.name === name);
  if (found) return found;
  throw new Failure('snapshot-not-found', { guest: definition.name, snapshot: name });
}
