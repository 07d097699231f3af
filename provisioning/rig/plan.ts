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
  /** Its own address on the network of the guests, from where it looks at them. */
  guestNetAddress: string;
  guests: readonly PlannedGuest[];
}
export interface PlannedGuest {
  name: string;
  address: string;
  mac: string;
  /** TCP port of its service. */
  serve: number;
  /** ADDRESS:PORT of the service that it needs: it does not answer before it has reached that. */
  dial?: string;
}

/** The ports of Plan 9's services. */
const VENTI = 17034;
const NINEFS = 564;
const CPU = 17010;

const guest = (name: string, last: number, serve: number, dial?: string): PlannedGuest => ({
  serve,
  ...(dial === undefined ? {} : { dial }),
  name,
  address: `10.99.0.${last}`,
  mac: `52:54:00:63:00:${last.toString(16).padStart(2, '0')}`,
});

export const HOSTS: readonly PlannedHost[] = [
  {
    name: 'host1',
    address: '10.77.0.11',
    guestNetAddress: '10.99.255.11',
    guests: [guest('venti', 12, VENTI), guest('fossil', 17, NINEFS, `10.99.0.12:${VENTI}`)],
  },
  {
    name: 'host2',
    address: '10.77.0.12',
    guestNetAddress: '10.99.255.12',
    guests: [guest('cpu1', 10, CPU, `10.99.0.17:${NINEFS}`), guest('cpu2', 11, CPU, `10.99.0.17:${NINEFS}`)],
  },
];

export const ROLES = ['admin', 'operator', 'viewer'] as const;
export type PersonRole = (typeof ROLES)[number];
