import { z } from 'zod';
import { Job } from './job.ts';
import { SiteGuestRecord, SiteHostRecord } from './site.ts';

/**
 * What is new at the site, for programs. Each guest, host and job is told whole, as it is now; `gone` has the names of those that are no
 * more. One event may tell of many; of each it tells the newest.
 */
export const SiteEvent = z.strictObject({
  /** RFC 3339. */
  at: z.string(),
  guests: z.array(SiteGuestRecord).default([]),
  hosts: z.array(SiteHostRecord).default([]),
  jobs: z.array(Job).default([]),
  gone: z
    .strictObject({ guests: z.array(z.string()).default([]), hosts: z.array(z.string()).default([]) })
    .default({ guests: [], hosts: [] }),
});
export type SiteEvent = z.infer<typeof SiteEvent>;
