import type { Element } from '@xmpp/xml';
import type { Job } from '#shared/model/job.ts';
import { jobRow } from '#shared/verb/job-row.ts';
import type { JobListener } from '#shared/verb/offer.ts';
import { lineOf } from '#shared/verb/say.ts';
import { messageTo } from './chat-message.ts';

/** How long a job may have nothing said about it before a new word of its progress is passed on. */
const QUIET_MS = 10_000;
const JOBS_MAX = 1_000;

export interface ChatJobsDeps {
  send(message: Element, whenOffline: 'keep' | 'drop'): void;
  now(): number;
  newId(): string;
  /** Of a component: its own address. */
  from?: string | undefined;
}

export const jobLine = (job: Job): string => lineOf(jobRow, { ...job });

/**
 * Tell whoever began a job in chat how it goes on: milestones not too often, and its end in any case, wherever that person is
 * by then. It goes to the bare JID: the server keeps it for those who are away.
 */
export function chatJobs(deps: ChatJobsDeps): JobListener {
  const told = new Map<string, { progress: string; at: number }>();

  const isMilestone = (job: Job): boolean => {
    const before = told.get(job.id);
    const isNew = before !== undefined && before.progress !== job.progress && deps.now() - before.at >= QUIET_MS;
    // The first word of a job is in the answer to whoever began it.
    if (before === undefined || isNew) told.set(job.id, { progress: job.progress, at: deps.now() });
    const [oldest] = told.keys();
    if (told.size > JOBS_MAX && oldest !== undefined) told.delete(oldest);
    return isNew;
  };

  return (job, { surface, requester }) => {
    if (surface !== 'chat') return;
    const isOver = job.state !== 'running';
    if (isOver) told.delete(job.id);
    else if (!isMilestone(job)) return;
    deps.send(messageTo(requester.bareJid, deps.newId(), jobLine(job), undefined, deps.from), isOver ? 'keep' : 'drop');
  };
}
