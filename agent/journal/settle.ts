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
const when = (done: boolean): Verdict => (done ? 'done' : 'not-done');

/** A rule for each verb that changes something at once. */
const RULES: Readonly<Record<string, Rule>> = {
  'guest.start': (before, now) => when(!isUp(before) && isUp(now)),
  'guest.poweroff': (before, now) => when(isUp(before) && !isUp(now)),
  'guest.suspend': (before, now) => when(before.guest?.state !== 'paused' && now.guest?.state === 'paused'),
  'guest.resume': (before, now) => when(before.guest?.state === 'paused' && isUp(now) && now.guest?.state !== 'paused'),
  'guest.autostart': (_, now, { enabled }) => when(now.guest?.autostart === enabled),
  'guest.delete': (before, now) => when(before.guest !== null && now.guest === null),
  'guest.define': (before, now) => when(now.guest !== null && (before.guest === null || before.digest !== now.digest)),
  // These say what shall be, not what to change: again comes to the same.
  'guest.set': () => 'not-done',
  'guest.shutdown': () => 'not-done',
  'job.cancel': () => 'not-done',
  // A restart and a key press leave nothing that could be looked at.
  'guest.reboot': () => 'unknown',
  'console.send': () => 'unknown',
};

/** Judge by what the hypervisor says now. A verb without a rule is unknown: better no effect than two. */
export function settled(verb: string, before: Facts, now: Facts, args: Readonly<Record<string, unknown>>): Verdict {
  const rule = Object.hasOwn(RULES, verb) ? RULES[verb] : undefined;
  return rule ? rule(before, now, args) : 'unknown';
}

/** Verbs that have a rule: a test holds this against the table. */
export const settledVerbs: readonly string[] = Object.keys(RULES);
