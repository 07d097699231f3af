import { isDeepStrictEqual } from 'node:util';
import type { SiteChange } from './known-site.ts';

/** Whether a host is heard after it was not, or its agent has begun anew: what it was told before may be forgotten. */
export const isHeardAnew = (change: SiteChange): change is Extract<SiteChange, { what: 'host' }> =>
  change.what === 'host' &&
  change.after?.reach === 'heard' &&
  (change.before?.reach !== 'heard' || change.before.known.epoch !== change.after.known.epoch);

/** Whether nodes may be elsewhere, be heard of or not, or be up or not, by what changed of a host. */
export const isOther = ({ before, after }: Extract<SiteChange, { what: 'host' }>): boolean =>
  before?.reach !== after?.reach ||
  before?.tags.join() !== after?.tags.join() ||
  !isDeepStrictEqual(before?.known.facts?.exports, after?.known.facts?.exports);
