import { type Guest, isActive } from '#shared/model/guest.ts';

export interface Place {
  host: string;
  uuid: string;
}

/** Whether one is on its way to or from another host, with its vCPUs stopped: what has come of it does not run yet. */
const isOnItsWay = (guest: Guest | undefined): boolean => guest?.state === 'paused' && guest.reason === 'migrating';

/** Which contact is where. One that is being moved is on two hosts for a while: then it is where it runs, else where it came last. */
export function placements() {
  const byContact = new Map<string, Place[]>();
  const byHost = new Map<string, Map<string, string>>();
  let sorted: readonly string[] | undefined;

  const leave = (host: string, uuid: string): void => {
    const contact = byHost.get(host)?.get(uuid);
    if (contact === undefined) return;
    byHost.get(host)?.delete(uuid);
    const left = (byContact.get(contact) ?? []).filter((place) => place.host !== host || place.uuid !== uuid);
    if (left.length > 0) byContact.set(contact, left);
    else {
      byContact.delete(contact);
      sorted = undefined;
    }
  };

  return {
    put: (contact: string, host: string, uuid: string): void => {
      if (byHost.get(host)?.get(uuid) === contact) return;
      leave(host, uuid);
      const there = byHost.get(host) ?? new Map<string, string>();
      byHost.set(host, there.set(uuid, contact));
      if (!byContact.has(contact)) sorted = undefined;
      byContact.set(contact, [...(byContact.get(contact) ?? []), { host, uuid }]);
    },
    remove: leave,
    removeAll: (host: string): void => {
      for (const uuid of [...(byHost.get(host)?.keys() ?? [])]) leave(host, uuid);
      byHost.delete(host);
    },
    contactAt: (host: string, uuid: string): string | undefined => byHost.get(host)?.get(uuid),
    at: (host: string): { uuid: string; contact: string }[] =>
      [...(byHost.get(host) ?? [])].map(([uuid, contact]) => ({ uuid, contact })),
    hostsOf: (contact: string): string[] => [...new Set((byContact.get(contact) ?? []).map(({ host }) => host))].sort(),
    contacts: (): readonly string[] => {
      sorted ??= [...byContact.keys()].sort();
      return sorted;
    },
    best: (contact: string, recordOf: (host: string, uuid: string) => Guest | undefined): Place | undefined => {
      const places = byContact.get(contact);
      if (!places || places.length < 2) return places?.[0];
      const isOn = ({ host, uuid }: Place): boolean => isActive(recordOf(host, uuid)?.state ?? 'shutoff');
      return (
        places.findLast((place) => isOn(place) && !isOnItsWay(recordOf(place.host, place.uuid))) ??
        places.find(isOn) ??
        places.at(-1)
      );
    },
  };
}
