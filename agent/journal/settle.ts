import { type Guest, isActive } from '#shared/model/guest.ts';

/** What is known of the thing that a change is about: before it, and after a crash in the middle of it. */
export interface Facts {
  guest: Guest | null;
  /** Of the definition, for changes of it. */
  digest?: string;
}

/**
 * What became of an operation that was cut off. `done`: it took effect. `not-done`: it did not, or doing it again comes to the same:
 * the id may be carried out now. `unknown`: nobody can tell; it will not be repeated.
 */
export type Verdict = 'done' | 'not-done' | 'unknown';
type Rule = (before: Facts, now: Facts, args: Readonly<Record<string, unknown>>) => Verdict;

const isUp = ({ guest }: Facts): boolean => guest !== null && isActive(guest.state);
const isDown = ({ guest }: Facts): boolean => guest !== null && !isActive(guest.state);
const isPaused = ({ guest }: Facts): boolean => guest?.state === 'paused';
const when = (done: boolean): Verdict => (done ? 'done' : 'not-done');

/** A rule for each verb that changes something at once. */
const RULES: Readonly<Record<string, Rule>> = {
  'guest.start': (before, now) => when(isDown(before) && (isUp(now) || hasStoppedSince(before, now))),
  'guest.poweroff': (before, now) => when(isUp(before) && !isUp(now)),
  'guest.suspend': (before, now) => when(isUp(before) && !isPaused(before) && isPaused(now)),
  'guest.resume': (before, now) => when(isPaused(before) && isUp(now) && !isPaused(now)),
  'guest.autostart': (before, now, { enabled }) => when(before.guest !== null && now.guest?.autostart === enabled),
  // A guest of that name that is another one was defined since.
  'guest.delete': (before, now) => when(before.guest !== null && before.guest.uuid !== now.guest?.uuid),
  'guest.define': (before, now) => when(now.guest !== null && (before.guest === null || before.digest !== now.digest)),
  // These say what shall be, not what to change: again comes to the same.
  'guest.set': () => 'not-done',
  'nic.attach': () => 'not-done',
  'nic.detach': () => 'not-done',
  'volume.export': () => 'not-done',
  'volume.unexport': () => 'not-done',
  // A job that was begun has a row of its own, by which it is told; without one nothing was asked of the guest.
  'guest.shutdown': () => 'not-done',
  'guest.create': () => 'not-done',
  'guest.clone': () => 'not-done',
  'guest.await': () => 'not-done',
  'guest.migrate': () => 'not-done',
  'guest.land': () => 'not-done',
  'guest.recall': () => 'not-done',
  'snapshot.take': () => 'not-done',
  'snapshot.revert': () => 'not-done',
  'snapshot.delete': () => 'not-done',
  'job.cancel': () => 'not-done',
  // A restart, a key press and a program leave nothing that could be looked at.
  'guest.reboot': () => 'unknown',
  'console.send': () => 'unknown',
  'guest.exec': () => 'unknown',
};

/**
 * Whether a guest that was off and is off has run in between: the hypervisor gives another reason why it is off. One that gives
 * none, or has forgotten it (libvirt after its own restart says `unknown`), tells nothing.
 */
function hasStoppedSince(before: Facts, now: Facts): boolean {
  const { state, reason = 'unknown' } = now.guest ?? {};
  if (!isDown(now)) return false;
  if (state === 'crashed' && before.guest?.state !== 'crashed') return true;
  return reason !== 'unknown' && reason !== before.guest?.reason;
}

/** Judge by what the hypervisor says now. A verb without a rule is unknown: better no effect than two. */
export function settled(verb: string, before: Facts, now: Facts, args: Readonly<Record<string, unknown>>): Verdict {
  const rule = Object.hasOwn(RULES, verb) ? RULES[verb] : undefined;
  return rule ? rule(before, now, args) : 'unknown';
}

/** Verbs that have a rule: a test holds this against the table. */
export const settledVerbs: readonly string[] = Object.keys(RULES);
