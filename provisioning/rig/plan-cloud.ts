import { type PlannedGuest, type PlannedHost, type PlannedNetwork, SERVER_ADDRESS } from './plan.ts';

/**
 * The second example of the light rig: a private cloud of twenty guests on a network of their own, which the chain alpine brings up. What each
 * of them serves and dials is told to it by the chain.
 */
export const CLOUD: PlannedNetwork = {
  name: 'cloud',
  subnets: ['192.168.1.0/24'],
  domain: 'cloud.example',
  router: { name: 'edge', host: 'host2', public: '10.77.0.101/24', gateway: SERVER_ADDRESS },
};

/** Each guest, and the last part of its address. */
const GUESTS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  host1: { infra: 2, nfs: 3, san1: 5, dns1: 6, ldap1: 7, xmpp: 8, sql1: 9, web1: 10, wiki: 11, console: 12 },
  host2: { http: 4, san2: 25, dns2: 26, ldap2: 27, mail: 28, sql2: 29, web2: 30, syslog: 31, metrics: 32, backup: 33 },
};

const guestsOf = (host: string): PlannedGuest[] =>
  Object.entries(GUESTS[host] ?? {}).map(([name, last]) => ({ name, address: `192.168.1.${last}` }));

export const CLOUD_GUESTS: readonly PlannedGuest[] = Object.keys(GUESTS).flatMap(guestsOf);

/** Hosts that have the guests of the cloud beside their own. */
export const withCloud = (hosts: readonly PlannedHost[]): PlannedHost[] =>
  hosts.map((host) => ({ ...host, guests: [...host.guests, ...guestsOf(host.name)] }));
