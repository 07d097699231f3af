import { z } from 'zod';
import { Guest } from './guest.ts';
import { Host } from './host.ts';

/** A word to find things by: lower case, no blanks. */
export const Tag = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'use 1 to 63 of a-z 0-9 . _ -, and begin with a letter or digit');
/** So many tags at most has a guest, or a host. */
export const TAGS_MAX = 50;
export const Tags = z.array(Tag).max(TAGS_MAX);

/** A guest as central knows it: by its name at the site, wherever it is. */
export const SiteGuestRecord = Guest.extend({
  name: z.string().meta({ title: 'Name', description: 'At the site: the localpart of its JID.' }),
  tags: Tags.optional().meta({ title: 'Tags' }),
  notes: z.string().optional().meta({ title: 'Notes' }),
  asOf: z
    .string()
    .optional()
    .meta({ title: 'As of', description: 'Its host is not heard: this is how it was then. RFC 3339.' }),
}).meta({
  line: '{name} · {state} · {vcpus} vCPU · {memoryMiB} MiB · {addresses} · {host} · {driver} · {title} · tagged {tags}',
  columns: ['name', 'state', 'host', 'driver', 'vcpus', 'memoryMiB', 'addresses', 'reason', 'tags', 'asOf'],
});
export type SiteGuestRecord = z.infer<typeof SiteGuestRecord>;

export const SiteHostRecord = Host.extend({
  title: z.string().optional().meta({ title: 'Title' }),
  notes: z.string().optional().meta({ title: 'Notes' }),
  problem: z.string().optional().meta({ title: 'Problem' }),
}).meta({
  line: '{name} · {state} · {running} of {guests} guests running · {cpus} CPUs · {memoryMiB} MiB · heard {since} · {title} · tagged {tags}',
  columns: ['name', 'state', 'guests', 'running', 'cpus', 'memoryMiB', 'hypervisor', 'since'],
});
export type SiteHostRecord = z.infer<typeof SiteHostRecord>;

/** What became of one of many targets. */
export const TargetOutcome = z
  .strictObject({
    target: z.string().meta({ title: 'Target' }),
    host: z.string().meta({ title: 'Host' }),
    outcome: z.string().meta({ title: 'Outcome', description: '`done`, or the failure.' }),
    text: z.string().meta({ title: 'What it says' }),
  })
  .meta({ line: '{target} · {outcome} · {text}' });
export type TargetOutcome = z.infer<typeof TargetOutcome>;
