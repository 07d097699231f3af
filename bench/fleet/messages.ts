/** What a worker is given, in a file. */
export interface WorkerPlan {
  domain: string;
  central: string;
  service: { host: string; port: number };
  caFile: string;
  /** A folder for each host is in it, with its account and its guests. */
  folder: string;
  hosts: string[];
  /** Of each host. */
  guests: number;
}

/** What a worker is asked, and by which number it answers. */
export type Ask =
  | { id: number; ask: 'truth' }
  | { id: number; ask: 'connections' }
  | { id: number; ask: 'switch'; host: string; guest: string; on: boolean };

/** How a guest is, by its driver. */
export interface GuestTruth {
  host: string;
  name: string;
  state: string;
}

/** Of CLOCK_MONOTONIC, which all processes of the machine share, in ms. */
export interface Connections {
  connected: number[];
  /** An attempt that failed, or a connection that was lost. */
  failed: number[];
}

export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** Guests are named after their host: names are unique at the site. */
export const guestName = (host: string, nth: number): string => `${host}-g${String(nth).padStart(4, '0')}`;
