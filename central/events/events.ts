import type { SiteChange } from '#central/inventory/known-site.ts';
import { guestRecord, hostRecord } from '#central/inventory/records.ts';
import type { Site } from '#central/inventory/site.ts';
import type { PolicyStore } from '#central/roles/policy-store.ts';
import type { Clock } from '#shared/clock.ts';
import type { SiteEvent } from '#shared/model/event.ts';
import type { Job } from '#shared/model/job.ts';
import type { JobListener } from '#shared/verb/offer.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { EVENT_NS, eventElement } from '#shared/xmpp/event.ts';
import { pubsubNode } from './node.ts';
import { readersOf } from './readers.ts';

export interface EventsDeps {
  entity: Entity;
  /** JID of the site's PubSub service. */
  service: string;
  site: Site;
  policies: PolicyStore;
  onJob(listener: JobListener): () => void;
  clock: Clock;
  log: Record<'warn', (fields: object, message: string) => void>;
}

/** How long is waited for more before it is told. */
const GATHER_MS = 200;
/** So many guests, hosts and jobs go into one item: some 500 bytes each, and a stanza takes 512 KiB. */
const ITEM_MAX = 400;

/** Tell programs what happens at the site: each thing whole, the newest of each, in the order in which they changed last. */
export function serveEvents({ entity, service, site, policies, onJob, clock, log }: EventsDeps): { stop(): void } {
  const readers = (): ReadonlySet<string> => readersOf(policies.inForce, centralVerbs, policies.holders);
  const node = pubsubNode({ entity, service, node: EVENT_NS, readers, log });
  const waiting = new Map<string, (event: SiteEvent) => void>();
  let callOff: (() => void) | undefined;

  const flush = (): void => {
    callOff = undefined;
    const all = [...waiting.values()];
    waiting.clear();
    for (let at = 0; at < all.length; at += ITEM_MAX) {
      const event = noEvent(new Date(clock.now()).toISOString());
      for (const tell of all.slice(at, at + ITEM_MAX)) tell(event);
      node.publish(eventElement(event));
    }
  };
  const add = (key: string, tell: (event: SiteEvent) => void): void => {
    waiting.delete(key);
    waiting.set(key, tell);
    callOff ??= clock.after(GATHER_MS, flush);
  };
  const offs = [
    site.onChange((change) => {
      if (isNews(change)) add(keyOf(change), (event) => tellChange(event, change));
    }),
    onJob((job: Job) => add(`job ${job.id}`, (event) => event.jobs.push(job))),
    policies.onChange(node.refresh),
  ];
  return {
    stop: () => {
      for (const off of offs) off();
      callOff?.();
      node.stop();
    },
  };
}

const noEvent = (at: string): SiteEvent => ({ at, guests: [], hosts: [], jobs: [], gone: { guests: [], hosts: [] } });

const keyOf = (change: SiteChange): string =>
  change.what === 'guest' ? `guest ${change.contact}` : `host ${change.name}`;

/** An agent reports every half minute; what it says again is no news. */
function isNews(change: SiteChange): boolean {
  const [before, after] =
    change.what === 'guest'
      ? [change.before && guestRecord(change.before), change.after && guestRecord(change.after)]
      : [change.before && hostRecord(change.before), change.after && hostRecord(change.after)];
  return JSON.stringify(before) !== JSON.stringify(after);
}

function tellChange(event: SiteEvent, change: SiteChange): void {
  if (change.what === 'guest') {
    if (change.after) event.guests.push(guestRecord(change.after));
    else event.gone.guests.push(change.contact);
  } else if (change.after) event.hosts.push(hostRecord(change.after));
  else event.gone.hosts.push(change.name);
}
