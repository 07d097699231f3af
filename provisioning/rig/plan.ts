/** What the light rig consists of: the grid of five machines that one person built by hand, in small. */

export const DOMAIN = 'skerry.test';
/** The central agent's component. */
export const CENTRAL = `central.${DOMAIN}`;
/** Where it dials: it runs beside ejabberd, whose component listener is on loopback there. */
export const COMPONENT = { ip: '127.0.0.1', port: 5275 };
/** Where central tells what happens. */
export const ROOM = `ops@conference.${DOMAIN}`;
export const PUBSUB = `pubsub.${DOMAIN}`;
export const UPLOAD = `upload.${DOMAIN}`;
export const SERVER_ADDRESS = '10.77.0.1';

/** The link of each host that joins it to the others: where the tunnels between hosts begin. */
export const UNDERLAY = 'br0';

/** A private network over all hosts, and the way from there to the segment of server and hosts. */
export interface PlannedNetwork {
  name: string;
  subnets: readonly string[];
  domain: string;
  router: { name: string; host: string; public: string; gateway: string };
}
/** The segment that joins server and hosts: what is outside, for the guests. */
export const OUTSIDE = { name: 'outside', link: UNDERLAY } as const;
/** The way out of the private network of the guests. */
export const ROUTER = { name: 'gate', host: 'host1', public: '10.77.0.100/24', gateway: SERVER_ADDRESS } as const;
/** That private network. */
export const NETWORK: PlannedNetwork = {
  name: 'grid',
  subnets: ['10.99.0.0/16', 'fd00:99::/64'],
  domain: `grid.${DOMAIN}`,
  router: ROUTER,
};

export interface PlannedHost {
  name: string;
  address: string;
  guests: readonly PlannedGuest[];
  zones: readonly PlannedZone[];
}
/** A zone of LXC with a web server. */
export interface PlannedZone {
  name: string;
  /** On the private network. */
  address: string;
  serve: number;
}
export interface PlannedGuest {
  name: string;
  /** On the private network. */
  address: string;
  /** TCP port of its service; without one it is told at its start what to serve. */
  serve?: number;
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
});

const HTTP = 80;
const zone = (name: string, last: number): PlannedZone => ({ name, address: `10.99.0.${last}`, serve: HTTP });

export const HOSTS: readonly PlannedHost[] = [
  {
    name: 'host1',
    address: '10.77.0.11',
    guests: [guest('venti', 12, VENTI), guest('fossil', 17, NINEFS, `10.99.0.12:${VENTI}`)],
    zones: [zone('hall', 21)],
  },
  {
    name: 'host2',
    address: '10.77.0.12',
    guests: [guest('cpu1', 10, CPU, `10.99.0.17:${NINEFS}`), guest('cpu2', 11, CPU, `10.99.0.17:${NINEFS}`)],
    zones: [zone('annex', 22)],
  },
];

export const ROLES = ['admin', 'operator', 'viewer'] as const;
export type PersonRole = (typeof ROLES)[number];
