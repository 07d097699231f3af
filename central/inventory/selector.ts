import { Failure } from '#shared/errors.ts';
import { GuestState, isInState } from '#shared/model/guest.ts';
import { shown } from '#shared/verb/arguments.ts';
import { globMatches } from '#shared/verb/policy.ts';
import { didYouMean } from '#shared/verb/suggest.ts';
import type { SiteGuest, SiteHost } from './known-site.ts';

type Test<T> = (thing: T) => boolean;

const HOST_STATES = ['up', 'degraded', 'unreachable'] as const;

/** The state that a host is shown in: what its agent said, unless that is silent. */
export const hostState = ({ reach, known }: SiteHost): 'up' | 'degraded' | 'unreachable' =>
  reach === 'unreachable' || known.facts === undefined ? 'unreachable' : known.facts.state;

const ofGuest: Readonly<Record<string, (value: string) => Test<SiteGuest>>> = {
  host: (glob) => (guest) => globMatches(glob, guest.host.name),
  state: (word) => stateTest(word, GuestState.options, ({ guest }: SiteGuest, state) => isInState(guest, state)),
  driver: (glob) => (guest) => guest.guest.driver !== undefined && globMatches(glob, guest.guest.driver),
  reason:
    (glob) =>
    ({ guest }) =>
      guest.reason !== undefined && globMatches(glob, guest.reason),
  tag: (glob) => (guest) => guest.tags.some((tag) => globMatches(glob, tag)),
  name: (glob) => (guest) => globMatches(glob, guest.contact),
};
const ofHost: Readonly<Record<string, (value: string) => Test<SiteHost>>> = {
  state: (word) => stateTest(word, HOST_STATES, (host: SiteHost, state) => hostState(host) === state),
  driver: (glob) => (host) => (host.known.facts?.driver?.split(' and ') ?? []).some((one) => globMatches(glob, one)),
  tag: (glob) => (host) => host.tags.some((tag) => globMatches(glob, tag)),
  name: (glob) => (host) => globMatches(glob, host.name),
};

/** Words like `host:host1 state:running`: all have to hold. A word without a key is part of a name. @throws Failure bad-argument */
export const guestSelector = (words: readonly string[]): Test<SiteGuest> =>
  selector(words, ofGuest, (word) => (guest) => guest.contact.includes(word));

export const hostSelector = (words: readonly string[]): Test<SiteHost> =>
  selector(words, ofHost, (word) => (host) => host.name.includes(word));

function selector<T>(
  words: readonly string[],
  keys: Readonly<Record<string, (value: string) => Test<T>>>,
  plain: (word: string) => Test<T>,
): Test<T> {
  const tests = words.flatMap((text) => text.split(/\s+/).filter(Boolean)).map((word) => testOf(word, keys, plain));
  return (thing) => tests.every((test) => test(thing));
}

function testOf<T>(
  word: string,
  keys: Readonly<Record<string, (value: string) => Test<T>>>,
  plain: (word: string) => Test<T>,
): Test<T> {
  const colon = word.indexOf(':');
  if (colon < 0) return plain(word.toLowerCase());
  const [key, value] = [word.slice(0, colon).toLowerCase(), word.slice(colon + 1)];
  const make = Object.hasOwn(keys, key) ? keys[key] : undefined;
  const names = Object.keys(keys);
  if (make === undefined) {
    const problem = `there is no ${shown(key)} to select by; there are ${names.join(', ')}.${didYouMean(key, names)}`;
    throw new Failure('bad-argument', { field: 'where', problem });
  }
  if (value === '') throw new Failure('bad-argument', { field: 'where', problem: `say which: ${key}:…` });
  return make(value);
}

function stateTest<T, S extends string>(
  word: string,
  states: readonly S[],
  isIn: (thing: T, state: S) => boolean,
): Test<T> {
  const state = states.find((each) => each === word);
  if (state !== undefined) return (thing) => isIn(thing, state);
  const problem = `there is no state ${shown(word)}; there are ${states.join(', ')}.${didYouMean(word, states)}`;
  throw new Failure('bad-argument', { field: 'where', problem });
}
