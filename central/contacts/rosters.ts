/**
 * Responsibilities: fill the contact lists of those who want it with the guests that they may see, grouped by host.
 *
 * Theory of operation: the server lets central read these people's rosters (XEP-0356, `roster`). What stands there of central's domain
 * is compared with what should, and only what differs is written, through ejabberd's API: ejabberd 23.01 fails when a component writes a
 * roster of its privilege. After that each change of a guest's place is written. An item is subscribed both ways, so that the server asks
 * for presence at each login.
 *
 * What can go wrong: the server refuses, as one without the privilege does. It is logged, and tried again when central is online anew.
 */

import xml from '@xmpp/xml';
import type { SiteGuest } from '#central/inventory/known-site.ts';
import type { Site } from '#central/inventory/site.ts';
import type { EjabberdApi } from '#shared/ejabberd/api.ts';
import type { May } from '#shared/verb/policy.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { bareOf, domainpartOf, localpartOf } from '#shared/xmpp/jid.ts';
import type { Subscriptions } from './subscriptions.ts';

const ROSTER_NS = 'jabber:iq:roster';
const AT_ONCE = 8;

export interface RostersDeps {
  entity: Pick<Entity, 'request' | 'onStatus' | 'isOnline' | 'bareJid'>;
  api: EjabberdApi;
  site: Site;
  subscriptions: Subscriptions;
  may: May;
  /** Bare JIDs of those whose rosters are filled. */
  people(): readonly string[];
  /** A guest is in somebody's roster now: they shall see how it is. */
  greet(contact: string, jid: string): void;
  log: Record<'warn', (fields: object, message: string) => void>;
}

interface Item {
  name: string;
  group: string;
}

export interface Rosters {
  /** Bring everybody's up to date; what fails is logged. */
  sync(): Promise<void>;
  /** Fill one, or empty it. @returns how many guests are in it @throws what the server says */
  fill(person: string, isWanted: boolean): Promise<number>;
  stop(): void;
}

export function serveRosters(deps: RostersDeps): Rosters {
  const { entity, site, subscriptions, may, log } = deps;
  const domain = entity.bareJid;
  /** Work on one roster is done in order: two items at a time would be two answers to one question. */
  let turn: Promise<unknown> = Promise.resolve();

  const maySee = (jid: string, contact: string): boolean =>
    may({ bareJid: jid, fullJid: jid }, 'guest.info', { guest: contact });
  const itemOf = ({ contact, host }: SiteGuest): Item => ({ name: contact, group: host.name });
  const wantedBy = (person: string): Map<string, Item> => {
    const items = site
      .guests()
      .filter(({ contact }) => maySee(person, contact))
      .map((guest): [string, Item] => [`${guest.contact}@${domain}`, itemOf(guest)]);
    return new Map(items);
  };

  const write = async (person: string, jid: string, item: Item | undefined): Promise<void> => {
    const contact = localpartOf(jid);
    const place = { localuser: localpartOf(person), localhost: domainpartOf(person), user: contact, host: domain };
    if (!item) {
      await deps.api('delete_rosteritem', place);
      return subscriptions.remove(contact, person);
    }
    await deps.api('add_rosteritem', { ...place, nick: item.name, group: item.group, subs: 'both' });
    await subscriptions.add(contact, person);
    deps.greet(contact, person);
  };
  const syncOne = async (person: string, isWanted = true): Promise<number> => {
    const wanted = isWanted ? wantedBy(person) : new Map<string, Item>();
    const there = await rosterOf(entity, domain, person);
    const changes = [
      ...[...wanted].filter(([jid, item]) => !isSame(there.get(jid), item)),
      ...[...there.keys()].filter((jid) => !wanted.has(jid)).map((jid): [string, undefined] => [jid, undefined]),
    ];
    for (const jid of wanted.keys()) await subscriptions.add(localpartOf(jid), person);
    for (let at = 0; at < changes.length; at += AT_ONCE)
      await Promise.all(changes.slice(at, at + AT_ONCE).map(([jid, item]) => write(person, jid, item)));
    return wanted.size;
  };
  const inTurn = (work: () => Promise<unknown>, what: object): Promise<void> => {
    const done = turn.then(work).then(
      () => {},
      (error) => log.warn({ err: error, ...what }, 'roster could not be filled'),
    );
    turn = done;
    return done;
  };
  const sync = async (): Promise<void> => {
    for (const person of deps.people()) await inTurn(() => syncOne(person), { person });
  };

  const offs = [
    entity.onStatus(({ status }) => {
      if (status !== 'offline') void sync();
    }),
    site.onChange((change) => {
      if (change.what !== 'guest' || !entity.isOnline) return;
      const { contact, before, after } = change;
      const isPlaced = before?.host.name === after?.host.name && (before === undefined) === (after === undefined);
      if (isPlaced && before?.tags.join() === after?.tags.join()) return;
      for (const person of deps.people()) {
        const item = after && maySee(person, contact) ? itemOf(after) : undefined;
        if (item || subscriptions.has(contact, person))
          void inTurn(() => write(person, `${contact}@${domain}`, item), { person, contact });
      }
    }),
  ];
  return {
    sync,
    fill: async (person, isWanted) => {
      const filled = turn.then(() => syncOne(person, isWanted));
      turn = filled.catch(() => {});
      return filled;
    },
    stop: () => {
      for (const off of offs) off();
    },
  };
}

/** What stands in somebody's roster of our domain. */
async function rosterOf(
  entity: Pick<Entity, 'request'>,
  domain: string,
  person: string,
): Promise<Map<string, Item & { subscription: string }>> {
  const answer = await entity.request({
    from: domain,
    to: person,
    type: 'get',
    child: xml('query', { xmlns: ROSTER_NS }),
  });
  const items = answer.getChild('query', ROSTER_NS)?.getChildren('item') ?? [];
  const ours = items.filter((item) => domainpartOf(item.attrs.jid ?? '') === domain);
  return new Map(
    ours.map((item) => [
      bareOf(item.attrs.jid ?? ''),
      {
        name: item.attrs.name ?? '',
        group: item.getChildText('group') ?? '',
        subscription: item.attrs.subscription ?? 'none',
      },
    ]),
  );
}

const isSame = (there: (Item & { subscription: string }) | undefined, item: Item): boolean =>
  there !== undefined && there.subscription === 'both' && there.name === item.name && there.group === item.group;
