import type { SiteChange } from './site.ts';

/** Whether a host is heard after it was not, or its agent has begun anew: what it was told before may be forgotten. */
export const isHeardAnew = (change: SiteChange): change is Extract<SiteChange, { what: 'host' }> =>
  change.what === 'host' &&
  change.after?.reach === 'heard' &&
  (change.before?.reach !== 'heard' || change.before.known.epoch !== change.after.known.epoch);
