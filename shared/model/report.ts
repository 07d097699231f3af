import { z } from 'zod';
import { DriverName, Guest } from './guest.ts';
import { Host } from './host.ts';
import { Job } from './job.ts';
import { NetworkStanding } from './network.ts';
import { ExportStanding } from './volume.ts';

/** How a host is, as its agent reports it. Without what the hypervisor tells, as long as it has never answered. */
export const HostFacts = Host.omit({ name: true, guests: true, running: true, since: true, tags: true })
  .partial()
  .required({ state: true, version: true })
  .extend({
    /** Why it is degraded. */
    problem: z.string().optional(),
    /** Of several drivers: those whose hypervisor does not answer. Without it, where the host is degraded, nothing is known of any guest. */
    silent: z.array(DriverName).optional(),
    /** Another one after each boot of the host. */
    boot: z.string().max(100).optional(),
    /** Verbs of guests that a driver of the host cannot do, by the driver's name. */
    lacks: z.record(z.string(), z.array(z.string())).optional(),
    /** Without it, the agent realises no networks. */
    networks: NetworkStanding.optional(),
    /** What it is to export; without it, the agent exports nothing ever. */
    exports: z.array(ExportStanding).optional(),
  })
  // A newer agent may know more of itself than an older central.
  .strip();
export type HostFacts = z.infer<typeof HostFacts>;

/**
 * What an agent tells central. It says what is, never only that something changed.
 *
 * `epoch` grows with each start of the agent, `seq` by one with each report. `snapshot`: all guests, in as many parts as it takes,
 * each with a number of its own; guests that are in no part are gone. `change`: these guests are now so, those of `gone` (UUIDs) are no
 * more; it counts only right after the report with the number before. `alive`: nothing new since `seq`, which is no new number. `blind`: the
 * hypervisor has not answered since the agent began, so nothing is said of guests; it has no new number either.
 */
export const Report = z.strictObject({
  epoch: z.int().positive(),
  seq: z.int().nonnegative(),
  kind: z.enum(['snapshot', 'change', 'alive', 'blind']),
  /** Of a snapshot: which part, from 0, and whether more are to come. */
  part: z.int().nonnegative().default(0),
  more: z.boolean().default(false),
  host: HostFacts,
  guests: z.array(Guest).default([]),
  gone: z.array(z.string()).default([]),
  /** Jobs that changed. */
  jobs: z.array(Job).default([]),
});
export type Report = z.infer<typeof Report>;
