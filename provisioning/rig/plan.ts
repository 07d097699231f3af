/** What the light rig consists of: the grid of five machines that one person built by hand, in small. */

export const DOMAIN = 'skerry.test';
/** The central agent's component. */
export const CENTRAL = `central.${DOMAIN}`;
/** Where central tells what happens. */
export const ROOM = `ops@conference.${DOMAIN}`;
export const PUBSUB = `pubsub.${DOMAIN}`;
export const SERVER_ADDRESS = '10.77.0.1';

export interface PlannedHost {
  name: string;
  address: string;
  guests: readonly PlannedGuest[];
}
export interface PlannedGuest {
  name: string;
  address: string;
  mac: string;
}

const guest = (name: string, last: number): PlannedGuest => ({
  name,
  address: `10.99.0.${last}`,
  mac: `52:54:00:63:00:${last.toString(16).padStart(2, '0')}`,
});

export const HOSTS: readonly PlannedHost[] = [
  { name: 'host1', address: '10.77.0.11', guests: [guest('venti', 12), guest('fossil', 17)] },
  { name: 'host2', address: '10.77.0.12', guests: [guest('cpu1', 10), guest('cpu2', 11)] },
];

export const ROLES = ['admin', 'operator', 'viewer'] as const;
export type PersonRole = (typeof ROLES)[number];
