import { jobVerbs } from '#shared/verbs/job.ts';
import type { Verb } from './verb.ts';

/** How a job reads wherever a verb answers with one: as `job.info` does. */
export const jobRow: Verb = jobVerbs['job.info'];
