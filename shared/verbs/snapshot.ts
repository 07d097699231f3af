import { z } from 'zod';
import { Guest, GuestRef } from '#shared/model/guest.ts';
import { Snapshot, SnapshotName } from '#shared/model/snapshot.ts';
import { verb } from '#shared/verb/verb.ts';

const hostFailures = ['host-command', 'host-timeout'] as const;
const oneGuest = z.strictObject({ guest: GuestRef });
const ofSnapshot = {
  job: true,
  args: oneGuest.extend({ name: SnapshotName }),
  positional: ['guest', 'name'],
  guestArg: 'guest',
  result: Guest,
  timeoutMs: 3_600_000,
} as const;

/** Snapshots of guests: to go back to how a guest was. */
export const snapshotVerbs = {
  'snapshot.list': verb({
    summary: 'List the snapshots of a guest, the oldest first.',
    risk: 'read',
    args: oneGuest,
    positional: ['guest'],
    guestArg: 'guest',
    result: z.array(Snapshot),
    failures: ['guest-not-found', ...hostFailures],
    timeoutMs: 20_000,
    example: 'snapshot list venti',
  }),
  'snapshot.take': verb({
    ...ofSnapshot,
    summary: 'Keep a guest as it is, under a name.',
    details:
      'With its memory where it runs and the driver can; a driver that cannot do it of a guest that runs says so.',
    risk: 'change',
    failures: [
      'guest-not-found',
      'guest-wrong-state',
      'snapshot-exists',
      'snapshot-unfit',
      'host-space',
      'job-cancelled',
      ...hostFailures,
    ],
    example: 'snapshot take venti before-upgrade',
  }),
  'snapshot.revert': verb({
    ...ofSnapshot,
    summary: 'Take a guest back to a snapshot: what came since is lost.',
    risk: 'destroy',
    failures: [
      'guest-not-found',
      'guest-wrong-state',
      'snapshot-not-found',
      'snapshot-unfit',
      'host-space',
      'job-cancelled',
      ...hostFailures,
    ],
    example: 'snapshot revert venti before-upgrade',
  }),
  'snapshot.delete': verb({
    ...ofSnapshot,
    summary: 'Remove a snapshot; the guest stays as it is.',
    risk: 'destroy',
    failures: ['guest-not-found', 'snapshot-not-found', 'snapshot-unfit', 'job-cancelled', ...hostFailures],
    example: 'snapshot delete venti before-upgrade',
  }),
};
