import { isDeepStrictEqual } from 'node:util';
import type { SiteChange } from './known-site.ts';

/** Whether a host is heard after it was not, or its agent has begun anew: what it was told before may be forgotten. */
export const isHeardAnew = (change: SiteChange): change is Extract<SiteChange, { what: 'host' }> =>
  change.what === 'host' &&
  change.after?.reach === 'heard' &&
  (change.before?.reach !== 'heard' || change.before.known.epoch !== change.after.known.epoch);

/** Whether a host is back: heard after a silence, or booted since it was heard last, so that what was up on it may not be. */
export const isBack = (change: SiteChange): change is Extract<SiteChange, { what: 'host' }> =>
  change.what === 'host' &&
  change.after?.reach === 'heard' &&
  (change.before?.reach === 'unreachable' ||
    hasBooted(change.before?.known.facts?.boot, change.after.known.facts?.boot));

const hasBooted = (before: string | undefined, after: string | undefined): boolean =>
  before !== undefined && after !== undefined && before !== after;

/** Whether nodes may be elsewhere, be heard of or not, or be up or not, by what changed of a host. */
export const isOther = ({ before, after }: Extract<SiteChange, { what: 'host' }>): boolean =>
  before?.reach !== after?.reach ||
  before?.known.facts?.state !== after?.known.facts?.state ||
  before?.known.facts?.silent?.join() !== after?.known.facts?.silent?.join() ||
  before?.tags.join() !== after?.tags.join() ||
  !isDeepStrictEqual(before?.known.facts?.exports, after?.known.facts?.exports);
