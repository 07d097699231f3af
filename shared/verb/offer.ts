import type { Job } from '#shared/model/job.ts';
import type { Choices } from './fields.ts';
import type { Perform, Requester, Surface } from './request.ts';
import type { VerbTable } from './verb.ts';

/** What a program offers on one JID: all that a surface (form, chat) needs to serve it, and nothing else. */
export interface Offer {
  table: VerbTable;
  perform: Perform;
  /**
   * Whether this requester may use the verb here at all, or on that guest; and whether it exists here (the driver can do it).
   * What one may not do is not listed, and is refused by this same predicate.
   */
  may(requester: Requester, verb: string, target?: { guest?: string; host?: string }): boolean;
  /** What may be put into a field: the guests, hosts, jobs or verbs that this requester may see. Sorted. */
  choices(kind: Choices, requester: Requester): readonly string[];
  /** Whether this account may say that it asks on behalf of another: central, to an agent. Nobody, unless given. */
  speaksForOthers?(bareJid: string): boolean;
}

/** Who is told how a job goes on, and how. */
export interface Asker {
  requester: Requester;
  surface: Surface;
}

export type JobListener = (job: Job, asker: Asker) => void;

/** A component has many addresses, each with an offer of its own. @throws Failure guest-not-found, where nobody has that address */
export type OfferAt = Offer | ((to: string) => Offer);

export const offerFor = (offer: OfferAt, to: string): Offer => (typeof offer === 'function' ? offer(to) : offer);
